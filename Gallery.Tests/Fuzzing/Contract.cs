using System.Text.Json;
using System.Text.RegularExpressions;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>Checks every answer against the document and the rules for all failures.</summary>
internal static partial class Contract
{
    private const string ProblemType = "application/problem+json";
    private const int Lines = 100;   // read of a long answer
    private const int LongFilters = 500;   // escaped in a Link, they may exceed its 2 KB

    /// <summary>What is wrong with an answer, as a sentence; null if nothing is.</summary>
    public static string? FindFault(JsonSchemas schemas, Operation operation, FuzzRequest request, Expected expected, Answer answer)
    {
        if (answer.Status >= 500) return "The service failed.";
        if (expected.Statuses.Count > 0 && !expected.Statuses.Contains(answer.Status)) return $"The status is none of {string.Join(", ", expected.Statuses)}.";
        if (answer.Headers.Contains("Server") || answer.Headers.Contains("X-Injected")) return "A header is there that should not be.";

        // Routing's own answers are declared at no operation, and have the body of any problem.
        var declared = expected.Routed
            ? operation.Responses.GetValueOrDefault(answer.Status)
            : operation.Responses[500] with { Headers = [], Schema = operation.Responses[500].Schema.GetProperty("allOf")[0] };
        if (declared is null) return $"{operation.Id} declares no answer {answer.Status}.";
        if (expected.Allow is { } allow && !allow.SequenceEqual(answer.ContentHeaders.Allow.Order(StringComparer.Ordinal)))
            return $"Allow is \"{string.Join(", ", answer.ContentHeaders.Allow)}\", not \"{string.Join(", ", allow)}\".";
        if (expected.Allow is null && answer.ContentHeaders.Allow.Count > 0) return "There is an Allow with what is allowed.";
        if (declared.OtherTypes.Contains(answer.ContentHeaders.ContentType?.MediaType)) return FindFaultOfHeaders(operation, request, declared, default, answer);
        if (answer.ContentHeaders.ContentType?.MediaType != declared.ContentType) return $"The content type is \"{answer.ContentHeaders.ContentType}\", not \"{declared.ContentType}\".";
        if (answer.Status >= 400 && answer.Headers.CacheControl?.NoStore != true) return "A failure may be cached.";

        if (request.Method == "HEAD" || declared.ContentType is null)
            return answer.Text.Length > 0 ? "There is a body where none may be." : FindFaultOfHeaders(operation, request, declared, default, answer);

        if (declared.IsLines)
            return answer.Text.Split('\n')[..^1].Take(Lines).Select(line => schemas.FindFault(declared.Schema, JsonDocument.Parse(line).RootElement, "$[]", fields: request.Fields)).FirstOrDefault(fault => fault is not null)
                ?? (answer.Text is "" or [.., '\n'] ? FindFaultOfHeaders(operation, request, declared, default, answer) : "The last line has no end.");

        JsonElement body;
        try
        {
            body = JsonDocument.Parse(answer.Text, new JsonDocumentOptions { AllowDuplicateProperties = false }).RootElement;
        }
        catch (JsonException e)
        {
            return $"The body is no JSON: {e.Message}";
        }

        if (schemas.FindFault(declared.Schema, body, fields: answer.Status == 200 ? request.Fields : null) is { } fault) return $"The body is not as declared: {fault}.";
        if (body.GetProperty("success").GetBoolean() != answer.Status < 400) return "success is wrong.";
        if (body.GetProperty("message").GetString() is not { Length: > 0 }) return "There is no message.";
        if (expected.FailedLine && body.GetProperty("data").GetProperty("failed").GetInt64() == 0) return "No line failed.";
        return FindFaultOfHeaders(operation, request, declared, body, answer) ?? (answer.Status >= 400 ? FindFaultOfProblem(expected, body, answer) : null);
    }

    /// <summary>Every declared header must be present. Only Link may be absent, if there is no next page or the filters are long, and ETag, if a precondition failed because there is no image.</summary>
    private static string? FindFaultOfHeaders(Operation operation, FuzzRequest request, Response declared, JsonElement body, Answer answer) => declared.Headers
        .Where(name => name != "ETag" || answer.Status != 412 || operation.Responses.ContainsKey(404))
        .Where(name => name != "Link" || (body.ValueKind == JsonValueKind.Object && body.GetProperty("pagination").GetProperty("next_cursor").ValueKind == JsonValueKind.String && request.Target.Length < LongFilters))
        .Where(name => !answer.Headers.Contains(name) && !answer.ContentHeaders.Contains(name))
        .Select(name => $"There is no {name}.")
        .FirstOrDefault();

    private static string? FindFaultOfProblem(Expected expected, JsonElement body, Answer answer)
    {
        string Text(string name) => body.GetProperty(name).GetString()!;

        if (answer.ContentHeaders.ContentType?.ToString() != ProblemType) return $"The content type is \"{answer.ContentHeaders.ContentType}\", which RFC 9457 gives no parameters.";
        if (body.GetProperty("status").GetInt32() != answer.Status) return "The body tells another status.";
        if (Text("detail") != Text("message")) return "detail and message differ.";
        if (Text("title").Length == 0 || Text("type") != "about:blank") return "The title or the type is wrong.";
        if (!Word().IsMatch(Text("code"))) return "The code is no word to switch on.";
        if (!TraceId().IsMatch(Text("trace_id"))) return "The trace_id is none.";
        if (expected.Code is { } code && Text("code") != code) return $"The code is not {code}.";

        var errors = body.TryGetProperty("errors", out var all) ? all.EnumerateObject().ToList() : [];
        if (errors.Any(error => error.Value.GetArrayLength() == 0)) return "A field is at fault for no reason.";
        return expected.Field is null || errors is [var only] && only.Name == expected.Field ? null : $"errors does not name \"{expected.Field}\", and that alone.";
    }

    [GeneratedRegex(@"\A[a-z]+(_[a-z]+)*\z")]
    private static partial Regex Word();

    [GeneratedRegex(@"\A[0-9a-f]{32}\z")]
    private static partial Regex TraceId();
}
