using Gallery.Sql.Coalescing;

namespace Gallery.Tests.Coalescing;

public sealed class QueuedBytesTests
{
    [Fact]
    public async Task A_request_is_rejected_when_too_many_bytes_are_queued_until_they_are_taken()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(bytesOf: key => key, maximumQueuedBytes: 100);
        var first = await statements.SendAsync(coalescer, 1);
        var waiting = coalescer.RunAsync(90, CancellationToken.None);

        await Assert.ThrowsAsync<CoalescerFullException>(() => coalescer.RunAsync(20, CancellationToken.None));
        statements.Answer();
        await first;
        await statements.SentAsync();
        var next = coalescer.RunAsync(20, CancellationToken.None);
        statements.Answer();
        statements.Answer();
        Assert.Equal(900, await waiting);
        Assert.Equal(200, await next);
    }

    [Fact]
    public async Task A_small_request_does_not_wait_for_the_statements_of_large_ones_before_it()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(bytesOf: key => key);   // 1,000 in a statement
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        foreach (var key in new[] { 600, 700, 800, 5, 700 }) requests.Add(coalescer.RunAsync(key, CancellationToken.None));

        for (var i = 0; i < 5; i++) statements.Answer();
        await Task.WhenAll(requests);

        Assert.Equal(["1", "600 5", "700", "800", "700"], statements.Sent);
    }
}
