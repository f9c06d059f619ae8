using System.Threading.Channels;
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
                return Task.FromResult(keys.ToDictionary(key => key, key => key));
            },
            new CoalescerOptions(1, 0, TimeSpan.Zero, 256, 100, TimeSpan.FromSeconds(30), ShareEqualKeys: false, _ => false));

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
            async (keys, _) =>
            {
                if (keys[0] % 3 == 0) await Task.Yield();   // a lane now ends on its caller's thread, now on another
                return keys.ToDictionary(key => key, key => key);
            },
            new CoalescerOptions(lanes, spareLanes, TimeSpan.Zero, 4, 10_000, TimeSpan.FromSeconds(30), ShareEqualKeys: false, _ => false));

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
    public async Task One_callers_bad_row_fails_that_caller_alone()
    {
        var statements = new Statements();
        await using var coalescer = statements.Coalesce();
        var first = await statements.SendAsync(coalescer, 1);
        var others = new[] { 2, Statements.Bad, 3 }.Select(key => coalescer.RunAsync(key, None)).ToArray();
        for (var i = 0; i < 5; i++) statements.Answer();

        await first;
        Assert.Equal(20, await others[0]);
        await Assert.ThrowsAsync<FormatException>(() => others[1]);
        Assert.Equal(30, await others[2]);
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

    /// <summary>A database that answers when it is told to: ten times the key.</summary>
    private sealed class Statements
    {
        public const int Bad = 666;
        public const int Away = 503;
        public const int Unknown = 404;

        private readonly Channel<int> _sent = Channel.CreateUnbounded<int>();
        private readonly Channel<int> _mayAnswer = Channel.CreateUnbounded<int>();

        /// <summary>Whether each is answered at once.</summary>
        public bool Answers { get; init; }

        public List<string> Sent { get; } = [];

        public Coalescer<int, int, int> Coalesce(
            int lanes = 1, int spareLanes = 0, int maximumBatch = 256, int queueLength = 100, bool shareEqualKeys = false, TimeSpan? patience = null,
            TimeSpan stalledAfter = default) =>
            new(
                "test",
                key => key,
                RunAsync,
                new CoalescerOptions(
                    lanes, spareLanes, stalledAfter, maximumBatch, queueLength, patience ?? TimeSpan.FromSeconds(30), shareEqualKeys, e => e is FormatException));

        /// <summary>Makes a request whose statement is on its way when this returns.</summary>
        public async Task<Task<int>> SendAsync(Coalescer<int, int, int> coalescer, int key)
        {
            var request = coalescer.RunAsync(key, CancellationToken.None);
            await SentAsync();
            return request;
        }

        /// <summary>Waits until one more statement is on its way.</summary>
        public async Task SentAsync() => await _sent.Reader.ReadAsync();

        /// <summary>Counts what is sent from here on.</summary>
        public void Forget()
        {
            while (_sent.Reader.TryRead(out _)) { }
        }

        public void Answer() => _mayAnswer.Writer.TryWrite(0);

        private async Task<Dictionary<int, int>> RunAsync(IReadOnlyList<int> keys, CancellationToken ct)
        {
            Sent.Add(string.Join(' ', keys));
            _sent.Writer.TryWrite(0);
            if (!Answers) await _mayAnswer.Reader.ReadAsync(ct);
            if (keys.Contains(Away)) throw new TimeoutException();
            if (keys.Contains(Bad)) throw new FormatException();
            return keys.Where(key => key != Unknown).ToDictionary(key => key, key => key * 10);
        }
    }
}
