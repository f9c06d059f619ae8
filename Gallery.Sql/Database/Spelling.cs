namespace Gallery.Sql.Database;

/// <summary>Finds what somebody meant who misspelt a name.</summary>
internal static class Spelling
{
    /// <summary>
    /// A question for the known name that is nearest in any case, with a space after it. If more than half of the sent name is wrong, one name must be a
    /// beginning or an end of the other, up to an underscore. Empty if none is.
    /// </summary>
    /// <param name="known">In lower case, one at least.</param>
    public static string Suggest(string sent, IReadOnlyCollection<string> known)
    {
        var name = sent.ToLowerInvariant();
        var (nearest, distance) = known.Select(one => (one, Distance(name, one))).MinBy(one => one.Item2);
        var meant = 2 * distance <= sent.Length ? nearest : known.FirstOrDefault(one => IsPart(name, one) || IsPart(one, name));
        return meant is null ? "" : $"Did you mean {meant}? ";
    }

    /// <summary>Levenshtein's: the insertions, deletions and replacements that turn one text into the other.</summary>
    public static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0]++;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }

    private static bool IsPart(string part, string whole) =>
        whole.StartsWith($"{part}_", StringComparison.Ordinal) || whole.EndsWith($"_{part}", StringComparison.Ordinal);
}
