namespace Gallery.Tests.Coalescing;

/// <summary>Lanes beside the usual ones, for those who wait while the statements on their way stall.</summary>
public sealed class SpareLaneTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(0)]
    [InlineData(50)]   // the second comes too early to find the first stalled, and nobody comes after it
    public async Task Who_comes_after_a_stalled_statement_is_served_by_a_spare_lane(int stalledAfterMilliseconds)
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
    public async Task What_a_spare_lane_could_not_take_along_is_taken_by_another()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 2, maximumBatch: 2, stalledAfter: TimeSpan.FromMilliseconds(50));
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(2, 3).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 2; i++) await statements.SentAsync().WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.Equal(["1", "2 3", "4"], statements.Sent);
        for (var i = 0; i < 3; i++) statements.Answer();
        await Task.WhenAll([first, .. others]);
    }

    [Fact]
    public async Task While_statements_are_answered_in_time_the_spare_lanes_rest()
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
    public async Task A_spare_lane_may_be_taken_again()
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
    public async Task While_the_others_stall_a_spare_lane_serves_one_after_another_at_once()
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
    public async Task A_key_that_is_on_its_way_is_not_sent_on_a_spare_lane_as_well()
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
    public async Task Who_waits_for_a_key_does_not_wait_for_others_that_were_in_company_with_it()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(500));
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(new[] { Statements.Locked, Statements.Locked, Statements.LockedLonger }.Select(key => coalescer.RunAsync(key, None)));
        for (var i = 0; i < 4; i++) statements.Answer();   // the first, the two in company, each by itself
        for (var i = 0; i < 5; i++) await statements.SentAsync();
        await Task.Delay(TimeSpan.FromMilliseconds(900), None);   // nobody watches any more
        statements.Unstick();

        await Task.WhenAll(requests[..3]).WaitAsync(TimeSpan.FromSeconds(10), None);
        Assert.False(requests[3].IsCompleted);
        statements.UnstickAtLast();
        await requests[3];
    }

    [Fact]
    public async Task Shutting_down_answers_those_who_wait_for_a_key_on_a_spare_lane()
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
    public async Task Shutting_down_waits_for_spare_lanes_too()
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
