using System.Text;
using System.Text.Json;

namespace Gallery.Tests.Fuzzing;

/// <summary>What has been made of a case's thing before its request: nothing, or one that lives, or one in the trash.</summary>
internal enum Before
{
    Unknown,
    Live,
    Deleted,
}

/// <param name="Statuses">Those that are right.</param>
/// <param name="Field">The one that <c>errors</c> must name, and no other; null where no field is at fault, or where any may be.</param>
/// <param name="Code">The problem's; null where any is right.</param>
/// <param name="Routed">False where the request is none of the operation's: its statuses are the routing's then, not the declared ones.</param>
/// <param name="Allow">What <c>Allow</c> must list.</param>
internal sealed record Expected(IReadOnlyList<int> Statuses, string? Field = null, string? Code = null, bool Routed = true, IReadOnlyList<string>? Allow = null)
{
    public static Expected Refused(string? field = null) => new([400], field);
}

/// <param name="Class">What kind of good or bad input this is, for people and for counting.</param>
/// <param name="Id">The thing that the request is about; no other case has it.</param>
internal sealed record FuzzCase(string Class, Guid Id, Before Before, FuzzRequest Request, Expected Expected);

/// <summary>A request that is still being made up, and can be made worse.</summary>
/// <param name="Path">With its parameters filled in and percent-encoded.</param>
/// <param name="Query">Neither name nor value encoded yet.</param>
/// <param name="Members">Of the body's object, as JSON; null where <paramref name="Body"/> stands for itself.</param>
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

/// <param name="NameJson">The name as JSON, where that is not what a serialiser would write.</param>
internal sealed record Member(string Name, string Json, string? NameJson = null);

internal sealed record FuzzRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[]? Body)
{
    private const int LongestBody = 4_096;

    /// <summary>For a person to send it again.</summary>
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
