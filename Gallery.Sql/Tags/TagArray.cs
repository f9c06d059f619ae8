using System.Text;

namespace Gallery.Sql.Tags;

/// <summary>The labels of an image's tags as one text, the form in which PostgreSQL prints and reads an array. So rows stay comparable.</summary>
public static class TagArray
{
    public const string Empty = "{}";

    /// <summary>The tags of an image with others at the end. One that the image has stays as it is.</summary>
    public static string Add(string array, params IReadOnlyList<Tag> added) => Change(array, tags => tags.Concat(added));

    /// <summary>The tags of an image without others.</summary>
    public static string Remove(string array, params IReadOnlyList<Tag> removed) => Change(array, tags => tags.ExceptBy(removed.Select(tag => tag.Key), tag => tag.Key));

    /// <summary>The new tags of an image, in their order. One that the image has keeps its label.</summary>
    public static string Replace(string array, IReadOnlyList<Tag> replacement)
    {
        var stored = Tags(array).DistinctBy(tag => tag.Key).ToDictionary(tag => tag.Key);
        return Change(array, _ => replacement.Select(tag => stored.GetValueOrDefault(tag.Key, tag)));
    }

    public static string[] Labels(string array)
    {
        if (array == Empty) return [];
        List<string> labels = [];
        var label = new StringBuilder();
        var isQuoted = false;
        for (var i = 1; i < array.Length; i++)
            if (array[i] == '\\') label.Append(array[++i]);
            else if (array[i] == '"') isQuoted = !isQuoted;
            else if (isQuoted || array[i] is not (',' or '}')) label.Append(array[i]);
            else
            {
                labels.Add(label.ToString());
                label.Clear();
            }

        return [.. labels];
    }

    /// <summary>The tags as they are compared, in the same form.</summary>
    internal static string Keys(string array) => array == Empty ? Empty : Of([.. Tags(array).Select(tag => tag.Key)]);

    public static string Of(IReadOnlyCollection<string> labels)
    {
        if (labels.Count == 0) return Empty;
        var array = new StringBuilder("{");
        foreach (var label in labels)
            array.Append(array.Length > 1 ? "," : "").Append('"').Append(label.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        return array.Append('}').ToString();
    }

    private static IEnumerable<Tag> Tags(string array) => Labels(array).Select(Tag.Of);

    /// <summary>The same text if the labels are the same.</summary>
    private static string Change(string array, Func<IEnumerable<Tag>, IEnumerable<Tag>> change)
    {
        var labels = change(Tags(array)).DistinctBy(tag => tag.Key).Select(tag => tag.Label).ToList();
        return labels.SequenceEqual(Labels(array)) ? array : Of(labels);
    }
}
