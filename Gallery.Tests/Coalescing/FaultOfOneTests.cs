using Gallery.Sql.Database;

namespace Gallery.Tests.Coalescing;

/// <summary>A statement that fails, and whom of those it carries that concerns.</summary>
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
        await Assert.ThrowsAsync<FormatException>(() => others[1]);
        Assert.Equal(30, await others[2]);
    }

    [Fact]
    public async Task One_bad_row_among_many_costs_a_few_statements_more_not_one_for_each()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(stalledAfter: NotInThisTest);
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(1000, 96).Append(Statements.Bad).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 20; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<FormatException>(() => others[^1]);
        var answers = await Task.WhenAll(others[..^1]);
        Assert.Equal([.. Enumerable.Range(1000, 96).Select(key => key * 10)], answers);
    }

    [Fact]
    public async Task Who_has_to_be_waited_for_is_run_alone_after_all_others_are_answered()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce(stalledAfter: NotInThisTest);
        var first = await statements.SendAsync(coalescer, Statements.Stuck);
        var locked = coalescer.RunAsync(Statements.Locked, None);
        var others = new[] { 2, 3 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Unstick();
        await first;

        var answers = await Task.WhenAll(others);
        Assert.Equal([20, 30], answers);
        Assert.Equal(10 * Statements.Locked, await locked);
        Assert.Equal(["599", "423 2 3", "423 2", "3", "423", "2", "423"], statements.Sent);
    }

    [Fact]
    public async Task Those_who_have_to_be_waited_for_are_waited_for_side_by_side()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: NotInThisTest);
        var first = await statements.SendAsync(coalescer, 1);
        var locked = new[] { Statements.Locked, Statements.AlsoLocked }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();   // both together, and each once more in haste
        for (var i = 0; i < 5; i++) await statements.SentAsync().WaitAsync(TimeSpan.FromSeconds(10), None);

        Assert.Equal(["423", "424"], statements.Sent.TakeLast(2).Order());   // neither answered yet
        statements.Unstick();
        await Task.WhenAll([first, .. locked]);
    }

    [Fact]
    public async Task Who_is_answered_may_ask_again_while_others_are_waited_for()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(spareLanes: 1, stalledAfter: TimeSpan.FromMilliseconds(50));
        var first = await statements.SendAsync(coalescer, 1);
        var requests = new[] { Statements.Locked, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 5; i++) statements.Answer();   // the first, both together, each in haste, and one more
        await Task.WhenAll(first, requests[1]);

        Assert.Equal(20, await coalescer.RunAsync(2, None).WaitAsync(TimeSpan.FromSeconds(10), None));
        Assert.False(requests[0].IsCompleted);
        statements.Unstick();
        await requests[0];
    }

    [Fact]
    public async Task What_was_not_begun_for_one_who_waited_too_long_is_begun_for_the_others()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { Statements.Late, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<NotBegunException>(() => others[0]);
        Assert.Equal(20, await others[1]);
    }

    [Fact]
    public async Task Where_failing_takes_long_each_is_run_alone_next()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(stalledAfter: TimeSpan.Zero);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 3, Statements.Bad, 4 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 6; i++) statements.Answer();

        await first;
        await Assert.ThrowsAsync<FormatException>(() => others[2]);
        await Task.WhenAll(others[0], others[1], others[3]);
        Assert.Equal(["1", "2 3 666 4", "2", "3", "666", "4"], statements.Sent);
    }

    [Fact]
    public async Task Another_failure_fails_all_that_the_statement_carried_and_the_next_is_served()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, Statements.Away }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Answer();
        statements.Answer();
        await first;
        foreach (var other in others) await Assert.ThrowsAsync<TimeoutException>(() => other);

        statements.Forget();
        var next = await statements.SendAsync(coalescer, 4);
        statements.Answer();
        Assert.Equal(40, await next);
        Assert.Equal(["1", $"2 {Statements.Away}", "4"], statements.Sent);
    }
}
