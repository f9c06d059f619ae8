namespace Gallery.Tests.Fuzzing;

/// <summary>What the good requests for a list are like. Filters that are never combined, or that never find anything, would not be tested.</summary>
public sealed class GoodInputsTests
{
    [Theory]
    [InlineData("ListImages")]
    [InlineData("ListDeletedImages")]
    [InlineData("CountFacets")]
    public void Each_pair_of_parameters_is_sent_together(string operationId)
    {
        var (operation, cases) = Make(operationId);
        var names = operation.In("query").Select(parameter => parameter.GoodName).Where(name => name != "cursor").Order(StringComparer.Ordinal).ToList();
        var sent = cases.ConvertAll(test => test.Request.Query.Keys.ToHashSet());

        Assert.Empty(
            from one in names
            from other in names
            where string.CompareOrdinal(one, other) < 0 && !sent.Exists(given => given.Contains(one) && given.Contains(other))
            select $"{one} and {other}");
    }

    [Theory]
    [InlineData("ListImages", nameof(Before.Live))]
    [InlineData("ListDeletedImages", nameof(Before.Deleted))]
    public void Some_ids_are_of_an_image_that_is_listed_and_others_are_not(string operationId, string before)
    {
        var ids = Make(operationId).Cases.FindAll(test => $"{test.Before}" == before && test.Request.Query.ContainsKey("ids")).ConvertAll(test => (test.Id, Sent: test.Request.Query["ids"].ToString().Split(',')));

        Assert.Contains(ids, one => one.Sent.Contains($"{one.Id}"));
        Assert.Contains(ids, one => !one.Sent.Contains($"{one.Id}"));
    }

    [Fact]
    public void Each_field_is_selected_and_left_out()
    {
        var (operation, cases) = Make("ListImages");
        var known = ApiDocument.Committed.Schemas.Resolve(operation.In("query").Single(parameter => parameter.Name == "fields").Schema).GetProperty("items").GetProperty("enum").EnumerateArray().Select(name => name.GetString()!).ToList();
        var selected = cases.Select(test => test.Request.Fields).OfType<IReadOnlySet<string>>().ToList();

        Assert.All(known, name => Assert.Contains(selected, fields => fields.Contains(name)));
        Assert.All(known, name => Assert.Contains(selected, fields => !fields.Contains(name)));
    }

    private static (Operation Operation, List<FuzzCase> Cases) Make(string operationId)
    {
        using var fuzzer = new Fuzzer(ApiDocument.Committed, new Uri("http://localhost"));
        var operation = ApiDocument.Committed.Operations.Single(one => one.Id == operationId);
        return (operation, [.. FuzzRun.Take(fuzzer.Make(operation), OperationFuzzTests.Cases).Where(test => test.Class == "good")]);
    }
}
