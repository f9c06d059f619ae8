using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using Gallery.Service.Http;
using Gallery.Sql.Tags;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>Generates cases for a declared operation, sends them, and checks the answers and the stored images.</summary>
internal sealed partial class Fuzzer(ApiDocument document, Uri address) : IDisposable
{
    private const int Attempts = 4;

    private readonly GoodInputs _good = new(document);
    private readonly BadInputs _bad = new(document);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AutomaticDecompression = System.Net.DecompressionMethods.All,
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
    });

    private int _setAside;

    /// <summary>Every class of input for an operation.</summary>
    public IReadOnlyList<string> Classes(Operation operation) => ["good", .. _bad.Make(operation).Select(one => one.Class)];

    public Gen<FuzzCase> Make(Operation operation)
    {
        var good = _good.Make(operation);
        var faults = Gen.OneOf<Mutation>([.. _bad.Make(operation).Select(one => one.Faults)]);
        return Gen.Frequency<FuzzCase>(
            (2, good.Select(draft => new FuzzCase("good", draft.Id, draft.Before, draft.Render(), Good(operation, draft)))),
            (3, Gen.Select(good, faults, (draft, fault) => WithFault(operation, fault, draft))));
    }

    private static FuzzCase WithFault(Operation operation, Mutation fault, Draft draft)
    {
        var request = fault.Apply(draft).Render();
        if (operation.Body?.IsLines == true)   // a blank line is no fault
            return new(fault.Class, draft.Id, draft.Before, request, fault.Expected with { FailedLine = fault.Expected.FailedLine && request.Body!.AsSpan().ContainsAnyExcept(" \n\r\t"u8) });
        // Good values of other fields may make the body too large, which is found first.
        return new(fault.Class, draft.Id, draft.Before, request, request.Body?.Length > operation.MaximumBytes ? new Expected([413]) : fault.Expected);
    }

    /// <summary>The number of cases without a result, because the database was too slow.</summary>
    public int SetAside => _setAside;

    /// <summary>What is wrong, with the answers that show it; null if nothing is wrong.</summary>
    public async Task<string?> FindFaultAsync(Operation operation, FuzzCase test, Action<Answer> onAnswer)
    {
        try
        {
            return await TryAsync(operation, test, onAnswer);
        }
        catch (MachineBusyException)
        {
            Interlocked.Increment(ref _setAside);
            return null;
        }
    }

    private async Task<string?> TryAsync(Operation operation, FuzzCase test, Action<Answer> onAnswer)
    {
        var creator = document.FindCreator(operation);
        if (creator is not null && test.Before != Before.Unknown && await PrepareAsync(creator, test) is { } unready) return unready;

        var answer = await SendAsync(test.Request);
        onAnswer(answer);
        var fault = Contract.FindFault(document.Schemas, operation, test.Request, test.Expected, answer)
            ?? (answer.Status is 200 or 201 && test.Request.Method != "HEAD" && !operation.Responses[answer.Status].IsLines ? FindLoss(test, JsonDocument.Parse(answer.Text).RootElement) : null);
        if (fault is not null) return Describe(fault, test.Request, answer);
        if (creator is null) return null;
        if (operation.Method != "GET" && operation != creator && !document.HasId(operation)) return null;   // works on many things: its own tests look at what is left
        return operation.Method == "GET"
            ? await FindFaultOfNextAsync(operation, answer) ?? await FindFaultOfConditionAsync(operation, test, answer)
            : await FindFaultLeftAsync(operation, creator, test, answer);
    }

    public static string Describe(FuzzCase test) => $"class: {test.Class}; the image before: {test.Before}";

    public void Dispose() => _http.Dispose();

    /// <summary>What a good request may be answered, given what it is about.</summary>
    private Expected Good(Operation operation, Draft draft)
    {
        var before = draft.Before;
        var isConditional = operation.In("header").Any(parameter => draft.Headers.Any(header => header.Name == parameter.Name));
        if (operation.In("path").Any(parameter => parameter.Name == "token")) return new Expected([404]);   // no document has a token that opens something
        int[] taken = [.. operation.Responses.Keys.Where(status => status < 400 || status == 412 && isConditional)];
        if (document.HasId(operation) && !document.IsSilent(operation))
            return before == Before.Unknown || (before == Before.Deleted && (ApiDocument.RefusesTrash(operation) || !document.HasTrash(document.FindCreator(operation)!))) ? new Expected([404]) : new Expected(taken);
        // Another user may own the image. What works on many may refuse them all.
        return document.FindCreator(operation) != operation || before != Before.Unknown ? new Expected([.. taken, .. operation.Responses.Keys.Where(status => status == 409)]) : new Expected(taken);
    }

    private async Task<string?> PrepareAsync(Operation creator, FuzzCase test)
    {
        var body = Encoding.UTF8.GetBytes(Uuid().Replace(creator.Body!.Example!.Value.GetRawText(), test.Id.ToString()));
        var create = new FuzzRequest("POST", creator.Path, [("Content-Type", "application/json")], body);
        var created = await SendAsync(create);
        if (created.Status != 201) return Describe("The document's example could not be created.", create, created);
        if (test.Before == Before.Live) return null;

        var delete = new FuzzRequest("DELETE", Item(creator, "DELETE", test.Id)!, [], null);
        var deleted = await SendAsync(delete);
        return deleted.Status == 200 ? null : Describe("It could not be deleted.", delete, deleted);
    }

    /// <summary>A field that was sent and differs in the answer, unless a save says that it kept the stored value.</summary>
    private static string? FindLoss(FuzzCase test, JsonElement answer)
    {
        if (test is not { Class: "good", Request.Body: { } body, Before: not Before.Deleted } || answer.GetProperty("data") is not { ValueKind: JsonValueKind.Object } data) return null;
        var kept = answer.TryGetProperty("kept", out var names) ? names.EnumerateArray().Select(name => name.GetString()!).ToHashSet() : [];
        if (test.Request.Method == "PATCH") body = Encoding.UTF8.GetBytes(JsonMergePatch.Apply("{}", Encoding.UTF8.GetString(body)));   // a null inside an object erases
        foreach (var sent in JsonDocument.Parse(body).RootElement.EnumerateObject().Where(sent => sent.Value.ValueKind != JsonValueKind.Null))
        {
            if (!data.TryGetProperty(sent.Name, out var stored) || kept.Contains(sent.Name)) continue;
            var lost = sent.Value.ValueKind == JsonValueKind.Object
                ? sent.Value.EnumerateObject().Any(member =>
                    !stored.TryGetProperty(member.Name, out var one) || !(JsonElement.DeepEquals(one, member.Value) || kept.Contains($"{sent.Name}.{member.Name}")))
                : sent.Value.ValueKind == JsonValueKind.Array
                    ? sent.Value.EnumerateArray().Any(item => stored.EnumerateArray().All(one => Tag.Of(one.GetString()!).Key != Tag.Of(item.GetString()!).Key))
                    : !JsonElement.DeepEquals(stored, sent.Value);
            if (lost) return $"{sent.Name} did not come back as it was sent.";
        }

        return null;
    }

    /// <summary>The link to the next page must work, and the next page must repeat nothing of this one.</summary>
    private async Task<string?> FindFaultOfNextAsync(Operation operation, Answer answer)
    {
        if (answer.Status != 200 || !answer.Headers.TryGetValues("Link", out var links) || answer.Text.Length == 0) return null;
        var follow = new FuzzRequest("GET", new Uri(address, links.Single().Split('<', '>')[1]).PathAndQuery, [], null);
        var next = await SendAsync(follow);
        var fault = Contract.FindFault(document.Schemas, operation, follow, new Expected([200]), next);
        if (fault is null && follow.Fields?.Contains("image_id") != false && Items(next).Intersect(Items(answer)).Any()) fault = "The next page repeats this one.";
        return fault is null ? null : Describe(fault, follow, next);

        // A change feed names an image once for each of its events.
        static IEnumerable<string> Items(Answer page) => page.Body["data"]!.AsArray().Select(item => item!["event"] is null && item["image_id"] is { } id ? (string)id! : item.ToJsonString());
    }

    /// <summary>A conditional request for an unchanged resource must answer 304.</summary>
    private async Task<string?> FindFaultOfConditionAsync(Operation operation, FuzzCase test, Answer answer)
    {
        if (answer.Status != 200 || answer.ETag is not { } etag || !operation.Responses.ContainsKey(304)) return null;
        var again = new FuzzRequest("GET", test.Request.Target, [("If-None-Match", etag)], null);
        var unchanged = await SendAsync(again);
        return Contract.FindFault(document.Schemas, operation, again, new Expected([304]), unchanged) is { } fault ? Describe(fault, again, unchanged) : null;
    }

    /// <summary>After a rejection the image is unchanged, after a deletion it is gone, after another write it is as the answer showed.</summary>
    private async Task<string?> FindFaultLeftAsync(Operation operation, Operation creator, FuzzCase test, Answer answer)
    {
        var find = document.FindItem(creator, "GET")!;
        var item = Item(creator, "GET", test.Id)!;
        var trash = document.HasTrash(creator) ? "_deleted" : "_not_found";
        var isItem = answer.Status < 300 && operation.Responses[answer.Status].Schema.ToString() == find.Responses[200].Schema.ToString();
        var (status, code) = answer.Status >= 300 || (!isItem && operation != creator)   // refused, or about something that belongs to the image
            ? test.Before switch { Before.Unknown => (404, "_not_found"), Before.Live => (200, ""), _ => (404, trash) }
            : operation == document.FindItem(creator, "DELETE") ? (404, trash)
            : operation.Method == "DELETE" && isItem && !operation.Responses[200].Headers.Contains("ETag") ? (404, "_not_found")   // an ETag names a state that is still there
            : operation == creator && test.Before == Before.Deleted && document.HasTrash(creator) ? (404, trash) : (200, "");

        var look = new FuzzRequest("GET", item, [], null);
        var found = await SendAsync(look);
        var fault = Contract.FindFault(document.Schemas, find, look, new Expected([status]), found);
        if (fault is null && status == 404 && !found.Problem!.EndsWith(code, StringComparison.Ordinal)) fault = $"The code does not end in {code}.";
        if (fault is null && status == 200 && isItem && Data(found) != Data(answer)) fault = "It is not as the write's answer said.";
        if (fault is null && answer.Headers.Location is { } location && new Uri(address, location).PathAndQuery != item) fault = $"Location led to {location}, not {item}.";
        return fault is null ? null : $"{Describe($"Left behind: {fault}", look, found)}\nafter: {test.Request.Method} answered {answer.Status} {answer.Text}";

        static string Data(Answer one) => JsonDocument.Parse(one.Text).RootElement.GetProperty("data").GetRawText();
    }

    private string? Item(Operation creator, string method, Guid id) =>
        document.FindItem(creator, method) is { } item ? item.Path.Replace($"{{{item.Parameters.Single(parameter => parameter.In == "path").Name}}}", id.ToString(), StringComparison.Ordinal) : null;

    /// <summary>
    /// 503 may come from a loaded machine, and the write may have been executed. So it is no fault of the request, unless the
    /// request is never answered otherwise.
    /// </summary>
    private async Task<Answer> SendAsync(FuzzRequest request)
    {
        var answer = await SendOnceAsync(request);
        if (answer.Status == 422) throw new MachineBusyException();   // a search takes too long among the long prompts of this database, which has no statistics
        if (answer is not { Status: 503, Headers.RetryAfter.Delta: { } delay }) return answer;
        for (var attempt = 0; attempt < Attempts && answer.Status == 503; attempt++)
        {
            await Task.Delay(delay);
            answer = await SendOnceAsync(request);
        }

        return answer.Status == 503 ? answer : throw new MachineBusyException();
    }

    private async Task<Answer> SendOnceAsync(FuzzRequest request)
    {
        // Sent unchanged: dot segments and percent-encoding are not normalized.
        var target = new Uri(address.GetLeftPart(UriPartial.Authority) + request.Target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), target);
        if (request.Body is not null) message.Content = new ByteArrayContent(request.Body);
        foreach (var (name, value) in request.Headers)
        {
            HttpHeaders headers = name.StartsWith("Content-", StringComparison.Ordinal) && message.Content is not null ? message.Content.Headers : message.Headers;
            headers.TryAddWithoutValidation(name, value);
        }

        using var response = await _http.SendAsync(message);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers, response.Content.Headers);
    }

    private string Describe(string fault, FuzzRequest request, Answer answer) =>
        $"{fault}\nrequest: {request.ToCurl(address)}\nanswer: {answer.Status} {answer.Text}\n{answer.Headers}{answer.ContentHeaders}";

    private sealed class MachineBusyException : Exception;

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", RegexOptions.ExplicitCapture)]
    private static partial Regex Uuid();
}
