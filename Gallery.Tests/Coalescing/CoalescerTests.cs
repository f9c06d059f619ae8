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
            (keys, _) =>
            {
                threads.Add(Environment.CurrentManagedThreadId);
                return Task.FromResult(keys);
            },
            new BatchOptions { SpareLanes = 0 });

        var caller = Environment.CurrentManagedThreadId;
        var request = coalescer.RunAsync(1, None);

        Assert.Equal([caller], threads);
        await request;
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 2)]
    public async Task Every_request_is_answered_whatever_lane_it_meets(int lanes, int spareLanes)
    {
        await using var coalescer = new Coalescer<int, int, int>(
            "test",
            key => key,
            async (keys, _) =>
            {
                if (keys[0] % 3 == 0) await Task.Yield();   // lanes end on different threads
                return keys;
            },
            new BatchOptions(lanes) { SpareLanes = spareLanes, StalledAfter = TimeSpan.Zero, MaximumCount = 4, Patience = TimeSpan.FromSeconds(30) });

        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            for (var i = 0; i < 5_000; i++) Assert.Equal(client * 5_000 + i, await coalescer.RunAsync(client * 5_000 + i, None));
        })));
    }

    [Fact]
    public async Task Requests_that_arrive_during_a_statement_share_the_next_one()
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
    public async Task No_request_is_answered_before_its_statement()
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
        await using var coalescer = statements.Coalesce(maximumCount: 3);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(Enumerable.Range(2, 7).Select(key => coalescer.RunAsync(key, None)));
        for (var i = 0; i < 4; i++) statements.Answer();

        await Task.WhenAll(requests);
        Assert.Equal(["1", "2 3 4", "5 6 7", "8"], statements.Sent);
    }

    [Fact]
    public async Task A_statement_carries_no_more_bytes_than_its_maximum()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(bytesOf: key => key);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(new[] { 2, 500, 490, 600, 3 }.Select(key => coalescer.RunAsync(key, None)));
        for (var i = 0; i < 3; i++) statements.Answer();

        await Task.WhenAll(requests);
        Assert.Equal(["1", "2 500 490 3", "600"], statements.Sent);
    }

    [Fact]
    public async Task A_request_larger_than_a_statements_maximum_has_a_statement_for_itself()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(bytesOf: key => key);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        requests.AddRange(new[] { 2, 5000, 3 }.Select(key => coalescer.RunAsync(key, None)));
        for (var i = 0; i < 4; i++) statements.Answer();

        await Task.WhenAll(requests);
        Assert.Equal(["1", "2 3", "5000"], statements.Sent);
    }

    [Fact]
    public async Task A_key_that_is_in_the_batch_already_waits_for_the_next_statement()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(sharesEqualKeys: false);
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
        await using var coalescer = statements.Coalesce(maximumCount: 3);
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, 2, 2, 2, 3, 4 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 5; i++) statements.Answer();

        await Task.WhenAll([first, .. others]);
        Assert.Equal(["1", "2 3 4", "2", "2", "2"], statements.Sent);
    }

    [Fact]
    public async Task Equal_keys_that_are_one_question_share_one_answer()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(sharesEqualKeys: true);
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
    public async Task A_statement_knows_when_its_oldest_wait_began()
    {
        var since = new List<long>();
        var mayAnswer = new TaskCompletionSource();
        await using var coalescer = new Coalescer<int, int, int>(
            "test",
            key => key,
            async (keys, start) =>
            {
                since.Add(start);
                await mayAnswer.Task;
                return keys;
            },
            new BatchOptions { SpareLanes = 0 });
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
    public async Task A_caller_that_leaves_does_not_affect_the_others()
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
    public async Task A_statement_takes_half_of_many_waiting_requests()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = Enumerable.Range(1000, 40).Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 3; i++) statements.Answer();

        await Task.WhenAll([first, .. others]);
        Assert.Equal([1, 21, 19], statements.Sent.Select(sent => sent.Split(' ').Length));
    }

    [Fact]
    public async Task A_request_is_rejected_when_the_queue_is_full()
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
    public async Task Requests_that_wait_for_their_key_count_for_the_queue()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(queueLength: 2);
        var requests = new List<Task<int>> { await statements.SendAsync(coalescer, 1) };
        for (var i = 0; i < 2; i++) requests.Add(coalescer.RunAsync(1, None));
        statements.Answer();
        await statements.SentAsync();   // one of the two is in a statement; the other waits for it
        requests.Add(coalescer.RunAsync(1, None));

        await Assert.ThrowsAsync<CoalescerFullException>(() => coalescer.RunAsync(1, None));
        for (var i = 0; i < 3; i++) statements.Answer();
        await Task.WhenAll(requests);
    }

    [Fact]
    public async Task A_request_whose_caller_has_left_is_not_sent()
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
    public async Task A_lone_request_whose_caller_has_left_is_not_sent()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => coalescer.RunAsync(1, new CancellationToken(canceled: true)));
        Assert.Empty(statements.Sent);
    }

    [Fact]
    public async Task Without_lanes_each_request_has_its_own_statement()
    {
        var statements = new Statements { Answers = true };
        await using var coalescer = statements.Coalesce(lanes: 0);

        Assert.Equal(10, await coalescer.RunAsync(1, None));
        Assert.Equal(20, await coalescer.RunAsync(2, None));
        Assert.Equal(["1", "2"], statements.Sent);
    }

    [Fact]
    public async Task A_request_times_out_after_its_patience()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce(patience: TimeSpan.FromMilliseconds(1));

        await Assert.ThrowsAsync<TimeoutException>(() => coalescer.RunAsync(1, None));
        statements.Answer();
    }

    [Fact]
    public async Task A_request_that_timed_out_does_not_start_afterwards()
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
    public async Task Shut_down_answers_all_that_wait_and_rejects_new_requests()
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
