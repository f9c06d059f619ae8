using System.Text.Json;
using Gallery.Service.Limits;
using Gallery.Tests.Readme;

namespace Gallery.Tests.Fuzzing;

/// <summary>
/// The parts of an OpenAPI document from which requests are made and answers are checked. An unknown part throws, so that no
/// operation is skipped silently.
/// </summary>
internal sealed class ApiDocument
{
    private static readonly string[] Known = ["tags", "summary", "description", "operationId", "parameters", "requestBody", "responses", "security", "x-allowed-to", "x-maximum-bytes"];

    /// <summary>What a parameter of the path is that is no id.</summary>
    public const string AnyText = "a";
    public const string AnyMonth = "2026-01";

    public ApiDocument(string json)
    {
        var root = JsonDocument.Parse(json).RootElement;
        Schemas = new JsonSchemas(root.GetProperty("components").GetProperty("schemas"));
        Operations =
        [
            .. from path in root.GetProperty("paths").EnumerateObject()
               from operation in path.Value.EnumerateObject()
               select Read(path.Name, operation.Name.ToUpperInvariant(), operation.Value),
        ];
    }

    /// <summary>The committed document, for what must be known before a service runs.</summary>
    public static ApiDocument Committed { get; } = new(Repository.Read("Gallery.Service", "OpenApi", "v1.json"));

    public JsonSchemas Schemas { get; }

    public IReadOnlyList<Operation> Operations { get; }

    /// <summary>The methods of a path, as in <c>Allow</c>. HEAD is not declared, because it comes with GET.</summary>
    public IReadOnlyList<string> FindMethods(string path)
    {
        var declared = Operations.Where(operation => operation.Path == path).Select(operation => operation.Method).ToHashSet();
        if (declared.Contains("GET")) declared.Add("HEAD");
        return [.. declared.Order(StringComparer.Ordinal)];
    }

    /// <summary>
    /// The operation that creates what this operation works on: on the nearest path above. Null if there is none, as for the
    /// health probes.
    /// </summary>
    public Operation? FindCreator(Operation operation) => Operations
        .Where(other => other is { Method: "POST", Body: not null } && other.Responses.ContainsKey(201)
            && operation.Path.StartsWith(other.Path, StringComparison.Ordinal) && FindItem(other, "GET") is not null)
        .MaxBy(other => other.Path.Length);

    /// <summary>The operation with this method on what <paramref name="creator"/> creates.</summary>
    public Operation? FindItem(Operation creator, string method) => Operations.SingleOrDefault(other =>
        other.Method == method && other.Parameters.Count(parameter => parameter.In == "path") == 1
        && other.Path == $"{creator.Path}{{{other.Parameters.Single(parameter => parameter.In == "path").Name}}}/");

    /// <summary>Whether a deletion can be undone: its answer has an ETag, which names a state that is still there.</summary>
    public bool HasTrash(Operation creator) => FindItem(creator, "DELETE") is { } delete && delete.Responses[200].Headers.Contains("ETag");

    /// <summary>Whether the operation works on one thing, whose id is in its path.</summary>
    public bool HasId(Operation operation) => operation.In("path").Any(parameter => JsonSchemas.FindFormat(Schemas.Resolve(parameter.Schema)) == "uuid");

    /// <summary>Whether another operation's path goes on with a parameter that may be any text.</summary>
    public bool HasTextBelow(Operation operation) => Operations.Any(other => other.Path.StartsWith(operation.Path + '{', StringComparison.Ordinal)
        && other.In("path").Last() is var last && JsonSchemas.FindFormat(Schemas.Resolve(last.Schema)) != "uuid");

    /// <summary>Whether the operation refuses what is in the trash: it declares a code for that.</summary>
    public static bool RefusesTrash(Operation operation) => operation.Responses.TryGetValue(404, out var missing) && missing.Schema.GetRawText().Contains("_deleted\"", StringComparison.Ordinal);

    /// <summary>Whether the operation does not tell if the thing exists: it declares no 404.</summary>
    public bool IsSilent(Operation operation) => HasId(operation) && !operation.Responses.ContainsKey(404);

    /// <summary>The path of the operation on the thing with this id. Another parameter is a text that any path may hold.</summary>
    public string Fill(Operation operation, Guid id) => operation.In("path").Aggregate(operation.Path, (path, parameter) =>
        path.Replace($"{{{parameter.Name}}}", JsonSchemas.FindFormat(Schemas.Resolve(parameter.Schema)) == "uuid" ? id.ToString() : AnyText, StringComparison.Ordinal));

    /// <summary>What the document's examples give a field of this name.</summary>
    public JsonElement? FindExample(string name) => Operations
        .Select(operation => operation.Body is { Example: { } example } && example.TryGetProperty(name, out var value) ? value : (JsonElement?)null)
        .FirstOrDefault(value => value is not null);

    private static Operation Read(string path, string method, JsonElement operation)
    {
        if (operation.EnumerateObject().Select(member => member.Name).FirstOrDefault(name => !Known.Contains(name)) is { } unknown)
            throw new NotSupportedException($"{method} {path} has {unknown}, which the fuzzer does not know.");
        return new Operation(
            operation.GetProperty("operationId").GetString()!,
            method,
            path,
            operation.TryGetProperty("parameters", out var parameters) ? [.. parameters.EnumerateArray().Select(ReadParameter)] : [],
            operation.TryGetProperty("requestBody", out var body) ? ReadBody(path, body) : null,
            operation.GetProperty("responses").EnumerateObject().ToDictionary(
                response => int.Parse(response.Name, System.Globalization.CultureInfo.InvariantCulture), response => ReadResponse(response.Value)),
            operation.TryGetProperty("security", out var security) && security.GetArrayLength() > 0,
            operation.TryGetProperty("x-allowed-to", out var callers) ? [.. callers.EnumerateArray().Select(caller => caller.GetString()!)] : [],
            operation.TryGetProperty("x-maximum-bytes", out var maximum) ? maximum.GetInt32() : ServiceLimits.DefaultBodyBytes);
    }

    private static Parameter ReadParameter(JsonElement parameter) => new(
        parameter.GetProperty("name").GetString()!,
        parameter.GetProperty("in").GetString()!,
        parameter.TryGetProperty("required", out var required) && required.GetBoolean(),
        parameter.GetProperty("schema"),
        parameter.TryGetProperty("style", out var style) ? style.GetString() : null,
        !parameter.TryGetProperty("explode", out var explode) || explode.GetBoolean());

    private static RequestBody ReadBody(string path, JsonElement body)
    {
        var types = body.GetProperty("content");
        var type = new[] { RequestBody.Json, RequestBody.Lines }.FirstOrDefault(type => types.TryGetProperty(type, out _)) ?? throw new NotSupportedException($"{path} takes no JSON, so the fuzzer cannot make its body.");
        var content = types.GetProperty(type);
        return new RequestBody(type, content.GetProperty("schema"), content.TryGetProperty("example", out var example) ? example : null, body.TryGetProperty("required", out var required) && required.GetBoolean())
        {
            MediaTypes = [.. types.EnumerateObject().Select(one => one.Name)],
        };
    }

    private static Response ReadResponse(JsonElement response)
    {
        var headers = response.TryGetProperty("headers", out var declared) ? declared.EnumerateObject().Select(header => header.Name).ToList() : [];
        if (!response.TryGetProperty("content", out var content)) return new Response(null, default, headers);
        var first = content.EnumerateObject().First();
        return new Response(first.Name, first.Value.GetProperty("schema"), headers) { OtherTypes = [.. content.EnumerateObject().Skip(1).Select(other => other.Name)] };
    }
}

internal sealed record Operation(
    string Id,
    string Method,
    string Path,
    IReadOnlyList<Parameter> Parameters,
    RequestBody? Body,
    IReadOnlyDictionary<int, Response> Responses,
    bool IsProtected,
    IReadOnlyList<string> AllowedTo,
    int MaximumBytes)
{
    public IEnumerable<Parameter> In(string place) => Parameters.Where(parameter => parameter.In == place);
}

internal sealed record Parameter(string Name, string In, bool Required, JsonElement Schema, string? Style, bool Explodes)
{
    /// <summary>The name to send. The style deepObject has a key after it.</summary>
    public string GoodName => Style == "deepObject" ? $"{Name}[key]" : Name;
}

/// <param name="Schema">Of the body, or of each of its lines.</param>
internal sealed record RequestBody(string MediaType, JsonElement Schema, JsonElement? Example, bool Required = true)
{
    public const string Json = "application/json";
    public const string Lines = "application/x-ndjson";

    /// <summary>All that are accepted.</summary>
    public IReadOnlyList<string> MediaTypes { get; init; } = [MediaType];

    public bool IsLines => MediaType == Lines;
}

/// <param name="ContentType">Null if the answer has no body.</param>
/// <param name="Schema">Of the body, or of each of its lines.</param>
internal sealed record Response(string? ContentType, JsonElement Schema, IReadOnlyList<string> Headers)
{
    public bool IsLines => ContentType == RequestBody.Lines;

    /// <summary>Types that are no JSON.</summary>
    public IReadOnlyList<string> OtherTypes { get; init; } = [];
}
