using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Tests.Coalescing;

/// <summary>Which requests fail with a statement.</summary>
public sealed class FaultOfOneTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan NotInThisTest = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task One_callers_bad_row_fails_that_caller_alone()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, Statements.Bad, 3 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 7; i++) statements.Answer();

        await first;
        Assert.Equal(20, await others[0]);
        await Assert.ThrowsAsync<PostgresException>(() => others[1]);
        Assert.Equal(30, await others[2]);
    }

    [Fact]
    public async Task One_bad_row_among_many_costs_few_further_statements()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(stalledAfter: NotInThisTest);
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(1000, 96).Append(Statements.Bad).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 20; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<PostgresException>(() => others[^1]);
        var answers = await Task.WhenAll(others[..^1]);
        Assert.Equal([.. Enumerable.Range(1000, 96).Select(key => key * 10)], answers);
    }

    [Fact]
    public async Task Locked_rows_are_waited_for_at_the_same_time()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(100));
        var first = await statements.SendAsync(coalescer, 1);
        var locked = new[] { Statements.Locked, Statements.AlsoLocked }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Answer();
        await statements.SentAsync();   // both together
        await Task.Delay(TimeSpan.FromMilliseconds(200), None);   // a slow failure
        statements.Answer();
        for (var i = 0; i < 2; i++) await statements.SentAsync().WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.Equal(["423", "424"], statements.Sent.TakeLast(2).Order());   // neither answered yet
        statements.Unstick();
        await Task.WhenAll([first, .. locked]);
    }

    [Fact]
    public async Task A_locked_row_does_not_delay_the_others_in_its_statement()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1);
        var first = await statements.SendAsync(coalescer, 1);
        var requests = new[] { Statements.Locked, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();   // the first, both together, 2 alone, and 2 again
        await Task.WhenAll(first, requests[1]);

        Assert.Equal(20, await coalescer.RunAsync(2, None).WaitAsync(TimeSpan.FromSeconds(10), None));
        Assert.False(requests[0].IsCompleted);
        statements.Unstick();
        await requests[0];
    }

    [Fact]
    public async Task A_contended_request_runs_again_and_the_others_in_its_statement_do_not()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, Statements.Contended, 3 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();

        await first;
        var answers = await Task.WhenAll(others);
        Assert.Equal([20, 10 * Statements.Contended, 30], answers);
        Assert.Equal(["1", "2 409 3", "409", "409"], statements.Sent);
    }

    [Fact]
    public async Task Without_lanes_a_contended_request_runs_again_too()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce(lanes: 0);

        Assert.Equal(10 * Statements.Contended, await coalescer.RunAsync(Statements.Contended, None));
        Assert.Equal(3, statements.Sent.Count);
    }

    [Fact]
    public async Task A_statement_that_came_too_late_for_one_runs_for_the_others()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { Statements.Late, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<NotStartedException>(() => others[0]);
        Assert.Equal(20, await others[1]);
    }

    [Fact]
    public async Task After_a_slow_failure_each_request_runs_alone()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(stalledAfter: TimeSpan.Zero);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 3, Statements.Bad, 4 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 6; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<PostgresException>(() => others[2]);
        await Task.WhenAll(others[0], others[1], others[3]);
        Assert.Equal(["1", "2 3 666 4", "2", "3", "666", "4"], statements.Sent);
    }

    [Fact]
    public async Task A_failure_of_no_single_request_fails_the_whole_statement_and_each_caller_has_an_own_exception()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, Statements.Away }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Answer();
        statements.Answer();
        await first;
        var faults = new List<SharedFaultException>();
        foreach (var other in others) faults.Add(await Assert.ThrowsAsync<SharedFaultException>(() => other));
        Assert.NotSame(faults[0], faults[1]);
        Assert.IsType<TimeoutException>(faults[0].InnerException);
        Assert.Same(faults[0].InnerException, faults[1].InnerException);

        statements.Forget();
        var next = await statements.SendAsync(coalescer, 4);
        statements.Answer();
        Assert.Equal(40, await next);
        Assert.Equal(["1", $"2 {Statements.Away}", "4"], statements.Sent);
    }
}
