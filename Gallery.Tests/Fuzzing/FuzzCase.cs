using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace Gallery.Tests.Fuzzing;

/// <summary>The state of the case's image before the request: unknown, live or in the trash.</summary>
internal enum Before
{
    Unknown,
    Live,
    Deleted,
}

/// <param name="Statuses">The allowed statuses; empty for any.</param>
/// <param name="Field">The only field that <c>errors</c> may name; null if no field is wrong, or if any may be named.</param>
/// <param name="Code">The problem's code; null for any.</param>
/// <param name="Routed">False if routing rejects the request, so that the operation's declared statuses do not apply.</param>
/// <param name="Allow">The methods that <c>Allow</c> must list.</param>
/// <param name="FailedLine">Whether the answer must say that a line of the body failed.</param>
internal sealed record Expected(IReadOnlyList<int> Statuses, string? Field = null, string? Code = null, bool Routed = true, IReadOnlyList<string>? Allow = null, bool FailedLine = false)
{
    public static Expected Refused(string? field = null) => new([400], field);
}

/// <param name="Class">The kind of good or bad input, for counts and messages.</param>
/// <param name="Id">The image of the request, which no other case uses.</param>
internal sealed record FuzzCase(string Class, Guid Id, Before Before, FuzzRequest Request, Expected Expected);

/// <summary>A request under construction, into which a fault can be put.</summary>
/// <param name="Path">With its parameters filled in and percent-encoded.</param>
/// <param name="Query">Names and values that are not yet encoded.</param>
/// <param name="Members">The members of the body's object, as JSON; null if <paramref name="Body"/> is the whole body.</param>
internal sealed record Draft(
    Guid Id,
    Before Before,
    string Method,
    string Path,
    IReadOnlyList<(string Name, string Value)> Query,
    IReadOnlyList<(string Name, string Value)> Headers,
    IReadOnlyList<Member>? Members,
    byte[]? Body = null)
{
    public Draft With(string name, string json) => this with { Members = [.. Members!.Where(member => member.Name != name), new Member(name, json)] };

    public Draft WithParameter(string name, string value) =>
        this with { Query = [.. Query.Where(parameter => !parameter.Name.Equals(name, StringComparison.OrdinalIgnoreCase)), (name, value)] };

    public Draft WithHeader(string name, string? value) =>
        this with { Headers = [.. Headers.Where(header => header.Name != name), .. value is null ? [] : new[] { (name, value) }] };

    public byte[] RenderBody() => Body ?? Encoding.UTF8.GetBytes($"{{{string.Join(',', Members!.Select(member => $"{member.NameJson ?? JsonSerializer.Serialize(member.Name)}:{member.Json}"))}}}");

    public FuzzRequest Render() => new(
        Method,
        Query.Count == 0 ? Path : $"{Path}?{string.Join('&', Query.Select(parameter => $"{Uri.EscapeDataString(parameter.Name)}={Uri.EscapeDataString(parameter.Value)}"))}",
        Headers,
        Body is null && Members is null ? null : RenderBody());
}

/// <param name="NameJson">The name as JSON, if it differs from what a serializer would write.</param>
internal sealed record Member(string Name, string Json, string? NameJson = null);

internal sealed record FuzzRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[]? Body)
{
    private const int LongestBody = 4_096;

    /// <summary>The parameters of the query.</summary>
    public IReadOnlyDictionary<string, StringValues> Query => QueryHelpers.ParseQuery(Target.IndexOf('?') is var start and >= 0 ? Target[start..] : null);

    /// <summary>The only fields that each item of the answer has. Null for all.</summary>
    public IReadOnlySet<string>? Fields => Query.TryGetValue("fields", out var names) ? names.ToString().Split(',').ToHashSet() : null;

    /// <summary>A curl command that sends the request again.</summary>
    public string ToCurl(Uri address)
    {
        var curl = new StringBuilder($"curl -i --path-as-is {(Method == "HEAD" ? "-I" : $"-X {Method}")} {Quote(address.GetLeftPart(UriPartial.Authority) + Target)}");
        foreach (var (name, value) in Headers) curl.Append($" -H {Quote($"{name}: {value}")}");
        if (Body is null) return curl.ToString();
        if (Body.Length > LongestBody) return $"{curl} --data-binary … ({Body.Length} bytes; the seed makes them again)";
        return Ascii.IsValid(Body) && !Body.Any(b => b < ' ')
            ? $"{curl} --data-binary {Quote(Encoding.ASCII.GetString(Body))}"
            : $"echo {Convert.ToBase64String(Body)} | base64 -d | {curl} --data-binary @-";
    }

    private static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
