using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary>The request's id, for its caller and in the log.</summary>
public sealed class RequestIdTests(TestService service) : IClassFixture<TestService>
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    private readonly Api _api = service.Api;

    [Theory]
    [InlineData("a")]
    [InlineData("7d1f8a3e-8a57-4a0c-9b0e-1a2b3c4d5e6f")]
    [InlineData("!#$%&'*+-.^_`|~09azAZ")]
    [InlineData("LONGEST")]
    public async Task An_id_that_is_a_token_is_told_back(string sent)
    {
        if (sent == "LONGEST") sent = new string('x', 128);

        Assert.Equal(sent, await AskAsync("/livez", ("X-Request-Id", sent)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a\tb")]
    [InlineData("<script>")]
    [InlineData("a,b")]
    [InlineData("\"quoted\"")]
    [InlineData("gallery_5dJ2kq8GmOq0uQ0C1tbm0c0xM8nQm2h6y3rV9wZ4s7E")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")]
    [InlineData("Bearer-gallery_5dJ2kq8GmOq0uQ0C1tbm0c0xM8nQm2h6y3rV9wZ4s7E")]
    [InlineData("x-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")]
    [InlineData("TOO LONG")]
    public async Task An_id_that_is_none_is_replaced_by_the_trace_id(string sent)
    {
        if (sent == "TOO LONG") sent = new string('x', 129);

        Assert.Equal(TraceId, await AskAsync("/livez", ("X-Request-Id", sent), ("traceparent", $"00-{TraceId}-b7ad6b7169203331-01")));
    }

    [Fact]
    public async Task Of_two_ids_neither_is_taken() =>
        Assert.Matches("^[0-9a-f]{32}$", await AskAsync("/livez", ("X-Request-Id", "one"), ("X-Request-Id", "two")));

    [Fact]
    public async Task Without_an_id_each_answer_has_one_of_its_own()
    {
        var (first, second) = (await AskAsync("/livez"), await AskAsync("/livez"));

        Assert.Matches("^[0-9a-f]{32}$", first);
        Assert.NotEqual(first, second);
    }

    [Theory]
    [InlineData("/nowhere", 404)]
    [InlineData("/v1/gallery/?limit=0", 400)]
    [InlineData("/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/", 404)]
    public async Task A_failed_answer_has_the_callers_id_and_the_callers_trace_id(string path, int status)
    {
        var answer = await _api.GetAsync(path, ("X-Request-Id", "mine"), ("traceparent", $"00-{TraceId}-b7ad6b7169203331-00"));

        Assert.Equal(status, answer.Status);
        Assert.Equal("mine", answer.Headers.GetValues("X-Request-Id").Single());
        Assert.Equal(TraceId, (string?)answer.Body["trace_id"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData($"00-{TraceId}")]
    [InlineData($"00-{TraceId}-0000000000000000-01")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData($"ff-{TraceId}-b7ad6b7169203331-01")]
    public async Task A_traceparent_that_is_none_gives_no_trace_id(string sent)
    {
        var answer = await _api.GetAsync("/nowhere", ("traceparent", sent));

        var traceId = (string?)answer.Body["trace_id"];
        Assert.Matches("^[0-9a-f]{32}$", traceId);
        Assert.NotEqual(TraceId, traceId);
        Assert.NotEqual(new string('0', 32), traceId);
        Assert.Equal(traceId, answer.Headers.GetValues("X-Request-Id").Single());
    }

    private async Task<string> AskAsync(string path, params (string, string)[] headers) =>
        (await _api.GetAsync(path, headers)).Headers.GetValues("X-Request-Id").Single();
}
