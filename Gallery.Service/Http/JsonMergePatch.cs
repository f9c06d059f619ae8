using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gallery.Service.Http;

/// <summary>JSON merge patch (RFC 7396): null removes a member, an object changes the members it names, any other value replaces.</summary>
internal static class JsonMergePatch
{
    /// <param name="target">A JSON object.</param>
    /// <param name="patch">A JSON object.</param>
    /// <returns>The patched object. Numbers stay as they were written.</returns>
    public static string Apply(string target, string patch) => Merge(JsonNode.Parse(target), JsonNode.Parse(patch))!.ToJsonString(JsonSerializerOptions.Default);

    private static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();

        // A new object, because to remove members one by one from a large one takes quadratic time.
        var merged = new JsonObject();
        foreach (var (name, value) in target as JsonObject ?? [])
            if (!changes.TryGetPropertyValue(name, out var change)) merged.Add(name, value?.DeepClone());
            else if (change is not null) merged.Add(name, Merge(value, change));
        foreach (var (name, change) in changes)
            if (change is not null && !merged.ContainsKey(name)) merged.Add(name, Merge(null, change));
        return merged;
    }
}
