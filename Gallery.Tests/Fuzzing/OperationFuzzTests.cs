using System.Collections.Concurrent;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>Good and bad requests for each operation of the OpenAPI document, made from the document alone.</summary>
public sealed class OperationFuzzTests(TestService service) : IClassFixture<TestService>
{
    internal const int Cases = 1_000;
    private const int AtOnce = 8;

    public static TheoryData<string> Operations => [.. ApiDocument.Committed.Operations.Select(operation => operation.Id)];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task Good_requests_are_taken_bad_ones_refused_and_every_answer_is_as_declared(string operationId)
    {
        var document = new ApiDocument((await service.Api.GetAsync("/openapi/v1.json")).Text);
        var operation = document.Operations.Single(operation => operation.Id == operationId);
        using var fuzzer = new Fuzzer(document, service.Api.Address);
        var classes = new ConcurrentDictionary<string, int>();
        var statuses = new ConcurrentDictionary<int, int>();
        var found = 0;   // images by their ids
        var most = operation.Responses.TryGetValue(200, out var answer) && answer.IsLines ? Cases / 2 : Cases;   // an answer with every image takes time
        var cases = FuzzRun.Cases(most);

        await FuzzRun.CheckAsync(
            fuzzer.Make(operation),
            cases,
            AtOnce,
            test =>
            {
                classes.AddOrUpdate(test.Class, 1, (_, count) => count + 1);
                return fuzzer.FindFaultAsync(operation, test, given =>
                {
                    statuses.AddOrUpdate(given.Status, 1, (_, count) => count + 1);
                    if (given.Status == 200 && test.Request.Query.ContainsKey("ids") && given.Text.Contains($"{test.Id}", StringComparison.Ordinal)) Interlocked.Increment(ref found);
                });
            },
            Fuzzer.Describe);

        Figures.Add($"fuzz: {operationId}", "inputs tried", cases - fuzzer.SetAside);
        Figures.Add($"fuzz: {operationId}", "classes of input", classes.Count);
        Figures.Add($"fuzz: {operationId}", "failures", 0);
        Assert.InRange(fuzzer.SetAside, 0, cases / 20);
        if (cases < most) return;

        // Every class of input and every declared answer must have occurred.
        Assert.Empty(fuzzer.Classes(operation).Except(classes.Keys));
        Assert.Empty(operation.Responses.Keys.Where(status => status < 500 && !IsOthers(operation, status)).Except(statuses.Keys));
        if (operation.In("query").Any(parameter => parameter.Name == "ids") && operation.Id != "CountFacets") Assert.NotEqual(0, found);
    }

    /// <summary>Answers that other tests cover: that a month is not over, 408, 410, 422, 429, those to credentials, which this service does not require, what a secret token opens, and that there is too much.</summary>
    private static bool IsOthers(Operation operation, int status) =>
        (status == 409 && operation.Responses[409].Schema.GetRawText().Contains("\"too_many_", StringComparison.Ordinal)) || (status == 409 && operation.In("query").Any(parameter => parameter.Name == "period")) || (status == 200 && operation.In("path").Any(parameter => parameter.Name == "token")) || status is 401 or 403 or 408 or 410 or 422 or 429 || (status == 400 && operation.Body is null && !operation.In("query").Any());
}
