using System.Diagnostics;
using System.Runtime.CompilerServices;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Metering;

/// <summary>The statements of the usage ledger. Saves, views and openings of links write theirs themselves: <see cref="UsageLedger"/>.</summary>
/// <remarks>A line belongs to the month in which it is written. So no statement can add to a month that ended longer ago than a statement may take.</remarks>
public sealed class UsageRepository(NpgsqlDataSource database)
{
    /// <summary>How long after its end a month may still get lines: longer than any transaction of the service takes.</summary>
    public static readonly TimeSpan ClosingTime = TimeSpan.FromMinutes(1);

    private const int PartLines = 1000;   // equals the limit in the SQL
    private const int MostRuns = 10;      // docs/api/usage.md has it
    private static readonly TimeSpan SumTime = TimeSpan.FromSeconds(2);

    private readonly StatementRunner _statements = new(database);

    /// <summary>Adds events of other systems, and returns what became of each, in their order. It may be repeated at any time.</summary>
    public async Task<IReadOnlyList<UsageOutcome>> AddEventsAsync(IReadOnlyList<UsageEvent> events, CancellationToken ct)
    {
        // The snapshot lacks events that another transaction has just added, and corrections that this statement adds. Both look like CorrectsNothing. So the
        // statement runs again while that finds more.
        // language=PostgreSQL
        const string sql = $"""
            with n as
            (
                select n.place, row_number() over (partition by n.user_id, n.event_id order by n.place) as nth, n.user_id, n.event_id, n.kind, n.quantity, n.image_id, n.occurred_at, n.corrects, n.note
                from unnest
                (
                    (select @UserIds::text[]), (select @EventIds::uuid[]), (select @Kinds::text[]), (select @Quantities::bigint[]),
                    (select @ImageIds::uuid[]), (select @OccurredAts::timestamptz[]), (select @Corrects::uuid[]), (select @Notes::text[])
                ) with ordinality as n (user_id, event_id, kind, quantity, image_id, occurred_at, corrects, note, place)
            ),
            w as
            (
                insert into gallery.usage_line (user_id, event_id, period, kind, quantity, image_id, occurred_at, corrects, note)
                select n.user_id, n.event_id, {UsageLedger.Month}, n.kind, n.quantity, n.image_id, coalesce(n.occurred_at, now()), n.corrects, n.note
                from n
                where n.nth = 1
                  and (n.corrects is null
                   or exists (select from {UsageLedger.Lines} as l where l.user_id = n.user_id and l.event_id = n.corrects and l.kind = n.kind)
                   or exists (select from n as other where other.user_id = n.user_id and other.event_id = n.corrects and other.kind = n.kind and other.corrects is null and other.nth = 1
                                 and not exists (select from {UsageLedger.Lines} as l where l.user_id = n.user_id and l.event_id = n.corrects)))
                  and not exists (select from gallery.usage_tally as t where t.user_id = n.user_id and t.event_id = n.event_id)
                order by n.user_id, n.event_id
                on conflict (user_id, event_id) do nothing
                returning user_id, event_id, kind, quantity, image_id, occurred_at, corrects, note
            )
            select n.place::int, case
                       when s.is_new and n.nth = 1 then 'Recorded'
                       when s.event_id is null
                            and (f.kind, f.quantity, f.image_id, f.occurred_at, f.corrects, f.note)
                                is not distinct from (n.kind, n.quantity, n.image_id, coalesce(n.occurred_at, f.occurred_at), n.corrects, n.note) then 'CorrectsNothing'
                       when (s.kind, s.quantity, s.image_id, s.occurred_at, s.corrects, s.note)
                            is not distinct from (n.kind, n.quantity, n.image_id, coalesce(n.occurred_at, s.occurred_at), n.corrects, n.note) then 'Known'
                       else 'Differs'
                   end
            from n
            join n as f on f.user_id = n.user_id and f.event_id = n.event_id and f.nth = 1
            left join
            (
                select true as is_new, w.* from w
                union all
                select false, l.user_id, l.event_id, l.kind, l.quantity, l.image_id, l.occurred_at, l.corrects, l.note
                from (select distinct n.user_id, n.event_id from n) as k
                join {UsageLedger.Lines} as l on l.user_id = k.user_id and l.event_id = k.event_id
            ) as s on s.user_id = n.user_id and s.event_id = n.event_id
            """;

        var outcomes = new UsageOutcome[events.Count];
        var left = events.Count;
        for (var runs = 1; runs <= MostRuns && left > 0; runs++)
        {
            foreach (var (place, outcome) in await ReadAsync())
                if (runs == 1 || outcomes[place - 1] != UsageOutcome.Recorded) outcomes[place - 1] = outcome;

            var before = left;
            left = outcomes.Count(outcome => outcome == UsageOutcome.CorrectsNothing);
            if (runs > 1 && left == before) break;
        }

        return outcomes;

        Task<IReadOnlyList<(int Place, UsageOutcome Outcome)>> ReadAsync() => _statements.ReadAsync<(int, UsageOutcome)>(
            sql, _ => row => (row.GetInt32(0), Enum.Parse<UsageOutcome>(row.GetString(1))), isRepeatable: true, Stopwatch.GetTimestamp(), ct,
            ("UserIds", events.Select(one => one.UserId).ToArray()),
            ("EventIds", events.Select(one => one.EventId).ToArray()),
            ("Kinds", events.Select(one => one.Kind).ToArray()),
            ("Quantities", events.Select(one => one.Quantity).ToArray()),
            ("ImageIds", events.Select(one => one.ImageId).ToArray()),
            ("OccurredAts", events.Select(one => one.OccurredAt).ToArray()),
            ("Corrects", events.Select(one => one.Corrects).ToArray()),
            ("Notes", events.Select(one => one.Note).ToArray()));
    }

    /// <summary>What a user used in a month, by kind. A kind without lines is absent.</summary>
    /// <param name="period">The first day of the month.</param>
    public async Task<IReadOnlyDictionary<string, Int128>> FindTotalsAsync(string userId, DateOnly period, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select l.kind, sum(l.quantity) as quantity
            from {UsageLedger.Lines} as l
            where l.period = @Period
              and l.user_id = @UserId
            group by l.kind
            """;

        var rows = await _statements.QueryWithinAsync<KindTotal>(sql, SumTime, Stopwatch.GetTimestamp(), ct, ("Period", period), ("UserId", userId));
        return rows.ToDictionary(row => row.Kind, row => (Int128)row.Quantity);
    }

    /// <summary>The lines of a month that is over, in the order of users and event ids, in parts. Each part is one statement, and no connection is held between them.</summary>
    public async IAsyncEnumerable<IReadOnlyList<UsageLine>> ExportAsync(DateOnly period, [EnumeratorCancellation] CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select l.user_id, l.event_id, l.kind, l.quantity, l.image_id, l.occurred_at, l.recorded_at, l.corrects, l.note
            from {UsageLedger.Lines} as l
            where l.period = @Period
              and (l.user_id, l.event_id) > (@User, @Event)
            order by l.user_id, l.event_id
            limit 1000
            """;

        var (user, last) = ("", Guid.Empty);
        for (var isLast = false; !isLast;)
        {
            var lines = await _statements.QueryAsync<UsageLine>(sql, Stopwatch.GetTimestamp(), ct, ("Period", period), ("User", user), ("Event", last));
            isLast = lines.Count < PartLines;
            if (lines.Count > 0) (user, last) = (lines[^1].UserId, lines[^1].EventId);
            yield return lines;
        }
    }

    private sealed record KindTotal(string Kind, decimal Quantity);
}
