using System.Diagnostics;
using Gallery.Sql.Coalescing;

namespace Gallery.Tests.Coalescing;

public sealed class CoalescerTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_lone_request_is_sent_at_once()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce();

        Assert.Equal(10, await coalescer.RunAsync(1, None));
        Assert.Equal(["1"], statements.Sent);
    }

    [Fact]
    public async Task A_lone_request_is_sent_by_its_callers_own_thread()
    {
        var threads = new List<int>();
        await using var coalescer = new Coalescer<int, int, int>(
            "test",
            key => key,
            (keys, _, _) =>
            {
                threads.Add(Environment.CurrentManagedThreadId);
                return Task.FromResult(keys.ToDictionary(key => key, key => key));
            },
            new CoalescerOptions(1, 0, TimeSpan.Zero, 256, 100, TimeSpan.FromSeconds(30), ShareEqualKeys: false, _ => false, _ => false));

        var caller = Environment.CurrentManagedThreadId;
        var request = coalescer.RunAsync(1, None);

        Assert.Equal([caller], threads);
        await request;
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 2)]
    public async Task No_request_is_left_behind_however_they_meet_the_lanes(int lanes, int spareLanes)
    {
        await using var coalescer = new Coalescer<int, int, int>(
            "test",
            key => key,
            async (keys, _, _) =>
            {
                if (keys[0] % 3 == 0) await Task.Yield();   // a lane now ends on its caller's thread, now on another
                return keys.ToDictionary(key => key, key => key);
            },
            new CoalescerOptions(lanes, spareLanes, TimeSpan.Zero, 4, 10_000, TimeSpan.FromSeconds(30), ShareEqualKeys: false, _ => false, _ => false));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            for (var i = 0; i < 5_000; i++) Assert.Equal(client * 5_000 + i, await coalescer.RunAsync(client * 5_000 + i, None));
        })));
    }

    [Fact]
    public async Task Requests_that_arrive_while_a_statement_is_on_its_way_share_the_next_one()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(2, 5).Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Answer();
        statements.Answer();

        Assert.Equal(10, await first);
        var answers = await Task.WhenAll(others);
        Assert.Equal([20, 30, 40, 50, 60], answers);
        Assert.Equal(["1", "2 3 4 5 6"], statements.Sent);
    }

    [Fact]
    public async Task Nobody_is_answered_before_the_statement_is()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var request = await statements.SendAsync(coalescer, 1);

        Assert.False(request.IsCompleted);
        statements.Answer();
        await request;
    }

    [Fact]
    public async Task A_statement_carries_no_more_than_its_maximum()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(maximumBatch: 3);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(Enumerable.Range(2, 7).Select(key => coalescer.RunAsync(key, None)));
        for (var i = 0; i < 4; i++) statements.Answer();

        await Task.WhenAll(requests);
        Assert.Equal(["1", "2 3 4", "5 6 7", "8"], statements.Sent);
    }

    [Fact]
    public async Task A_key_that_is_on_board_already_waits_for_the_next_statement()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(shareEqualKeys: false);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 2, 3, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 4; i++) statements.Answer();

        await Task.WhenAll([first, .. others]);
        Assert.Equal(["1", "2 3", "2", "2"], statements.Sent);
    }

    [Fact]
    public async Task Many_requests_of_one_key_do_not_hold_up_the_others()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(maximumBatch: 3);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 2, 2, 2, 3, 4 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 5; i++) statements.Answer();

        await Task.WhenAll([first, .. others]);
        Assert.Equal(["1", "2 3 4", "2", "2", "2"], statements.Sent);
    }

    [Fact]
    public async Task Where_equal_keys_are_one_question_one_answer_serves_them_all()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(shareEqualKeys: true);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 2, 3, 2 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        statements.Answer();
        statements.Answer();

        await first;
        var answers = await Task.WhenAll(others);
        Assert.Equal([20, 20, 30, 20], answers);
        Assert.Equal(["1", "2 3"], statements.Sent);
    }

    [Fact]
    public async Task A_key_without_an_answer_is_answered_by_default()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce();

        Assert.Equal(0, await coalescer.RunAsync(Statements.Unknown, None));
    }

    [Fact]
    public async Task A_statement_is_told_since_when_the_first_of_its_callers_waits()
    {
        var since = new List<long>();
        var mayAnswer = new TaskCompletionSource();
        await using var coalescer = new Coalescer<int, int, int>(
            "test",
            key => key,
            async (keys, terms, _) =>
            {
                since.Add(terms.Since);
                await mayAnswer.Task;
                return keys.ToDictionary(key => key, key => key);
            },
            new CoalescerOptions(1, 0, TimeSpan.Zero, 256, 100, TimeSpan.FromSeconds(30), ShareEqualKeys: false, _ => false, _ => false));
        var requests = new List<Task<int>> { coalescer.RunAsync(1, None) };
        var before = Stopwatch.GetTimestamp();
        requests.Add(coalescer.RunAsync(2, None));
        var after = Stopwatch.GetTimestamp();
        requests.Add(coalescer.RunAsync(3, None));
        mayAnswer.SetResult();
        await Task.WhenAll(requests);

        Assert.InRange(since[1], before, after);
    }

    [Fact]
    public async Task A_caller_that_goes_away_stops_waiting_and_disturbs_no_one()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        using var away = new CancellationTokenSource();
        var gone = coalescer.RunAsync(2, away.Token);
        var stays = coalescer.RunAsync(3, None);
        await away.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        statements.Answer();
        statements.Answer();
        await first;
        Assert.Equal(30, await stays);
    }

    [Fact]
    public async Task Of_many_who_wait_one_statement_takes_half_and_the_next_the_others()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(1000, 40).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 3; i++) statements.Answer();

        await Task.WhenAll([first, .. others]);
        Assert.Equal([1, 20, 20], statements.Sent.Select(sent => sent.Split(' ').Length));
    }

    [Fact]
    public async Task One_more_than_may_wait_is_turned_away()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(queueLength: 2);
        var first = await statements.SendAsync(coalescer, 1);
        var waiting = new[] { coalescer.RunAsync(2, None), coalescer.RunAsync(3, None) };

        await Assert.ThrowsAsync<CoalescerFullException>(() => coalescer.RunAsync(4, None));
        statements.Answer();
        statements.Answer();
        await Task.WhenAll([first, .. waiting]);
    }

    [Fact]
    public async Task Those_who_wait_for_one_key_count_among_those_who_may_wait()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(queueLength: 2);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        for (var i = 0; i < 2; i++) requests.Add(coalescer.RunAsync(1, None));
        statements.Answer();
        await statements.SentAsync();   // one of the two is on its way; the other waits for it
        requests.Add(coalescer.RunAsync(1, None));

        await Assert.ThrowsAsync<CoalescerFullException>(() => coalescer.RunAsync(1, None));
        for (var i = 0; i < 3; i++) statements.Answer();
        await Task.WhenAll(requests);
    }

    [Fact]
    public async Task Who_has_gone_before_a_statement_is_begun_is_not_in_it()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        using var away = new CancellationTokenSource();
        var gone = coalescer.RunAsync(2, away.Token);
        var stays = coalescer.RunAsync(3, None);
        await away.CancelAsync();
        statements.Answer();
        statements.Answer();

        await Task.WhenAll(first, stays);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        Assert.Equal(["1", "3"], statements.Sent);
    }

    [Fact]
    public async Task Who_has_gone_before_a_lone_request_is_sent_is_not_served()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => coalescer.RunAsync(1, new CancellationToken(canceled: true)));
        Assert.Empty(statements.Sent);
    }

    [Fact]
    public async Task Without_lanes_each_request_is_a_statement_of_its_own()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce(lanes: 0);

        Assert.Equal(10, await coalescer.RunAsync(1, None));
        Assert.Equal(20, await coalescer.RunAsync(2, None));
        Assert.Equal(["1", "2"], statements.Sent);
    }

    [Fact]
    public async Task A_request_does_not_wait_longer_than_its_patience()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(patience: TimeSpan.FromMilliseconds(1));

        await Assert.ThrowsAsync<TimeoutException>(() => coalescer.RunAsync(1, None));
        statements.Answer();
    }

    [Fact]
    public async Task A_request_that_was_told_it_took_too_long_is_not_begun_after_that()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(patience: TimeSpan.FromSeconds(1));
        var first = await statements.SendAsync(coalescer, 1);
        await Assert.ThrowsAsync<TimeoutException>(() => coalescer.RunAsync(2, None));
        await Assert.ThrowsAsync<TimeoutException>(() => first);

        var third = coalescer.RunAsync(3, None);
        for (var i = 0; i < 3; i++) statements.Answer();
        Assert.Equal(30, await third);
        Assert.Equal(["1", "3"], statements.Sent);
    }

    [Fact]
    public async Task Shutting_down_answers_everyone_who_waits_and_takes_no_one_new()
    {
        var statements = new Statements();
        var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var second = coalescer.RunAsync(2, None);
        var stopping = coalescer.DisposeAsync().AsTask();

        await Assert.ThrowsAsync<CoalescerFullException>(() => coalescer.RunAsync(3, None));
        Assert.False(stopping.IsCompleted);
        statements.Answer();
        statements.Answer();
        await stopping;
        var answers = await Task.WhenAll(first, second);
        Assert.Equal([10, 20], answers);
    }
}
