using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Gallery.Sql.Database;

namespace Gallery.Service.Http;

/// <summary>The parameter <c>fields</c>: which fields of each item an answer shows.</summary>
internal sealed class FieldSelection
{
    private readonly JsonTypeInfo _type;
    private readonly HashSet<string> _names;

    private FieldSelection(JsonTypeInfo type, HashSet<string> names) => (_type, _names) = (type, names);

    /// <summary>Null if it is absent or has a fault.</summary>
    public static FieldSelection? Read(IQueryCollection query, JsonTypeInfo type, FieldErrors errors)
    {
        if (!query.TryGetValue("fields", out var text)) return null;
        var names = text.ToString().Split(',').ToHashSet();
        var known = type.Properties.Select(field => field.Name).ToList();
        if (names.FirstOrDefault(name => !known.Contains(name)) is not { } wrong) return new(type, names);
        var clipped = TextRules.Clip(wrong, 40);
        errors.Add("fields", $"fields contains '{clipped}'. {Spelling.Suggest(clipped, known)}Known fields: {string.Join(", ", known)}.");
        return null;
    }

    /// <summary>Whether one of these fields is selected.</summary>
    public bool Has(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (_names.Contains(name)) return true;
        return false;
    }

    /// <summary>The selected fields of an item, in the order in which they are always shown.</summary>
    public JsonObject Of(object item)
    {
        var selected = JsonSerializer.SerializeToNode(item, _type)!.AsObject();
        foreach (var name in selected.Select(field => field.Key).Where(name => !_names.Contains(name)).ToList()) selected.Remove(name);
        return selected;
    }
}
