namespace Gallery.Tests.Coalescing;

/// <summary>Further lanes for requests that wait while statements stall.</summary>
public sealed class SpareLaneTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(0)]
    [InlineData(50)]   // the second arrives before the first counts as stalled, and no other follows
    public async Task A_spare_lane_serves_requests_behind_a_stalled_statement(int stalledAfterMilliseconds)
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(stalledAfterMilliseconds));
        var stalled = await statements.SendAsync(coalescer, 1);
        var other = await statements.SendAsync(coalescer, 2).WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.False(stalled.IsCompleted);
        statements.Answer();
        statements.Answer();
        await Task.WhenAll(stalled, other);
    }

    [Fact]
    public async Task Several_spare_lanes_serve_more_than_one_can_carry()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 2, maximumCount: 2, stalledAfter: TimeSpan.FromMilliseconds(50));
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(2, 3).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 2; i++) await statements.SentAsync().WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.Equal(["1", "2 3", "4"], statements.Sent);
        for (var i = 0; i < 3; i++) statements.Answer();
        await Task.WhenAll([first, .. others]);
    }

    [Fact]
    public async Task Spare_lanes_are_not_used_while_statements_are_fast()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMinutes(1));
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 3 }.Select(key => coalescer.RunAsync(key, None)).ToArray();

        Assert.Equal(["1"], statements.Sent);
        statements.Answer();
        statements.Answer();
        await Task.WhenAll([first, .. others]);
        Assert.Equal(["1", "2 3"], statements.Sent);
    }

    [Fact]
    public async Task A_spare_lane_can_be_used_again()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1), await statements.SendAsync(coalescer, 2) };   // the second on the spare lane
        statements.Answer();
        statements.Answer();
        await Task.WhenAll(requests);
        for (var key = 3; key <= 4; key++) requests.Add(await statements.SendAsync(coalescer, key).WaitAsync(TimeSpan.FromSeconds(10), None));

        statements.Answer();
        statements.Answer();
        await Task.WhenAll(requests);
    }

    [Fact]
    public async Task While_the_others_stall_a_spare_lane_serves_requests_without_a_pause()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(400));
        var stalled = await statements.SendAsync(coalescer, Statements.Stuck);

        await ServeTwentyAsync().WaitAsync(TimeSpan.FromSeconds(5), None);   // 0.4 s, and not for each
        Assert.False(stalled.IsCompleted);
        statements.Unstick();
        statements.Answer();
        await stalled;

        async Task ServeTwentyAsync()
        {
            var served = await statements.SendAsync(coalescer, 1);
            for (var key = 2; key <= 20; key++)
            {
                var next = coalescer.RunAsync(key, None);   // comes while the lane is taken
                statements.Answer();
                await served;
                await statements.SentAsync();
                served = next;
            }

            statements.Answer();
            await served;
        }
    }

    [Fact]
    public async Task A_key_in_a_statement_is_not_sent_on_a_spare_lane_as_well()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 2);
        var first = await statements.SendAsync(coalescer, 1);
        var again = Enumerable.Range(0, 3).Select(_ => coalescer.RunAsync(1, None)).ToArray();
        var other = await statements.SendAsync(coalescer, 2).WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.Equal(["1", "2"], statements.Sent);
        for (var i = 0; i < 5; i++) statements.Answer();
        await Task.WhenAll([first, other, .. again]);
        Assert.Equal(["1", "2", "1", "1", "1"], statements.Sent);
    }

    [Fact]
    public async Task A_request_does_not_wait_for_the_other_keys_that_failed_with_its_key()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(100));
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(new[] { Statements.Locked, Statements.Locked, Statements.LockedLonger }.Select(key => coalescer.RunAsync(key, None)));
        statements.Answer();
        await statements.SentAsync();   // both keys together
        await Task.Delay(TimeSpan.FromMilliseconds(200), None);   // a slow failure
        statements.Answer();
        statements.Unstick();

        await Task.WhenAll(requests[..3]).WaitAsync(TimeSpan.FromSeconds(10), None);
        Assert.False(requests[3].IsCompleted);
        statements.UnstickAtLast();
        await requests[3];
    }

    [Fact]
    public async Task Shut_down_answers_requests_that_wait_for_a_key_on_a_spare_lane()
    {
        var statements = new Statements();
        var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(500));
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1), await statements.SendAsync(coalescer, 2) };   // the second on the spare lane
        requests.Add(coalescer.RunAsync(2, None));
        var stopping = coalescer.DisposeAsync().AsTask();
        for (var i = 0; i < 3; i++) statements.Answer();
        await stopping.WaitAsync(TimeSpan.FromSeconds(10), None);

        var answers = await Task.WhenAll(requests);
        Assert.Equal([10, 20, 20], answers);
    }

    [Fact]
    public async Task Shut_down_waits_for_spare_lanes_too()
    {
        var statements = new Statements();
        var coalescer = statements.Coalesce(spareLanes: 1);
        var first = await statements.SendAsync(coalescer, 1);
        var spare = await statements.SendAsync(coalescer, 2).WaitAsync(TimeSpan.FromSeconds(10), None);
        var stopping = coalescer.DisposeAsync().AsTask();
        statements.Answer();
        await first;

        await Assert.ThrowsAsync<TimeoutException>(() => stopping.WaitAsync(TimeSpan.FromMilliseconds(200), None));
        statements.Answer();
        await stopping;
        Assert.Equal(20, await spare);
    }
}
