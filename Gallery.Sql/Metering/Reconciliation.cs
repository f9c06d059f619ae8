using Dapper;
using Npgsql;

namespace Gallery.Sql.Metering;

/// <summary>Compares the usage ledger with what it counts, from a day on. All queries see one snapshot, so it may run while the service does.</summary>
internal sealed class Reconciliation(NpgsqlTransaction snapshot, DateOnly from, CancellationToken ct)
{
    /// <summary>The differences that each check lists at most.</summary>
    public const int MostDifferences = 100;

    private const string Created = """
        from gallery.image_event as e
        where e.event = 'created'
          and e.occurred_at >= @From
          and e.user_id <> ''                                             -- of a user who was erased, nothing is left to compare
        """;

    // language=PostgreSQL
    private const string WithoutLine = $"""
        {Created}
          and not exists
              (
                  select
                  from gallery.usage_line as l
                  cross join (values ('{UsageKinds.Saves}'), ('{UsageKinds.Imports}')) as k (kind)
                  where l.user_id = e.user_id
                    and l.event_id = {UsageLedger.EventId}
                    and l.kind = k.kind
              )
        """;

    /// <summary>How many images were saved or imported.</summary>
    public Task<long> CountAsync() => QueryOneAsync<long>($"select count(*) {Created}");

    /// <summary>How many images were saved or imported earlier. They are not compared.</summary>
    public Task<long> CountEarlierAsync() => QueryOneAsync<long>("select count(*) from gallery.image_event as e where e.event = 'created' and e.occurred_at < @From and e.user_id <> ''");

    /// <summary>Images that were saved or imported and have no line.</summary>
    public Task<IReadOnlyList<string>> FindMissingAsync() => ListAsync(
        $"""
        select format('image %s of user %s, created at %s, has no line', e.image_id, e.user_id, e.occurred_at at time zone 'utc')
        {WithoutLine}
        order by e.occurred_at, e.image_id
        """);

    /// <summary>Images that count twice.</summary>
    public Task<IReadOnlyList<string>> FindDoubledAsync() => ListAsync(
        $"""
        select format('image %s of user %s is counted as a save and as an import', e.image_id, e.user_id)
        {Created}
          and (
                  select count(*)
                  from gallery.usage_line as l
                  cross join (values ('{UsageKinds.Saves}'), ('{UsageKinds.Imports}')) as k (kind)
                  where l.user_id = e.user_id
                    and l.event_id = {UsageLedger.EventId}
              ) > 1
        order by e.image_id
        """);

    /// <summary>Lines of saves that the history does not know.</summary>
    public Task<IReadOnlyList<string>> FindInventedAsync() => ListAsync(
        $"""
        select format('line %s of user %s counts a save of image %s, which the history does not know', l.event_id, l.user_id, l.image_id)
        from gallery.usage_line as l
        where l.kind = '{UsageKinds.Saves}'
          and l.corrects is null
          and l.occurred_at >= @From
          and not exists
              (
                  select
                  from gallery.image_event as e
                  cross join (values ('{UsageKinds.Saves}')) as k (kind)
                  where e.image_id = l.image_id
                    and e.event = 'created'
                    and l.event_id = {UsageLedger.EventId}
              )
          and not exists (select from gallery.image_event as e where e.image_id = l.image_id and e.user_id = '')   -- erased
        order by l.user_id, l.event_id
        """);

    /// <summary>Images that were saved, not changed since, and have a line with another size of their metadata.</summary>
    public Task<IReadOnlyList<string>> FindOtherSizesAsync() => ListAsync(
        $"""
        select format('image %s of user %s has %s bytes of metadata, and its line says %s', w.image_id, w.user_id, {UsageLedger.MetadataBytes}, coalesce(l.quantity, 0))
        from (select i.image_id, i.user_id, i.revision, i.metadata::text as metadata from gallery.image as i) as w
        join gallery.image_event as e on e.image_id = w.image_id and e.revision = w.revision and e.event = 'created' and e.occurred_at >= @From
        cross join (values ('{UsageKinds.MetadataBytes}')) as k (kind)
        left join gallery.usage_line as l on l.user_id = e.user_id and l.event_id = {UsageLedger.EventId} and l.kind = k.kind
        where {UsageLedger.MetadataBytes} <> coalesce(l.quantity, 0)
          and not exists
              (
                  select
                  from (values ('{UsageKinds.Imports}')) as k (kind)
                  join gallery.usage_line as l on l.user_id = e.user_id and l.event_id = {UsageLedger.EventId}
              )
        order by w.image_id
        """);

    /// <summary>Kinds of views of which the images have more than the ledger, since the first day of the month: a tally has no days. They may have fewer: the counts of an image go with it.</summary>
    public Task<IReadOnlyList<string>> FindMissingViewsAsync() => ListAsync(
        $"""
        select format('the images have %s %s, and the ledger has %s', r.quantity, r.kind, coalesce(l.quantity, 0))
        from
        (
            select '{UsageKinds.Views}', sum(d.views) from gallery.image_day as d where d.day >= @Month
            union all
            select '{UsageKinds.Downloads}', sum(d.downloads) from gallery.image_day as d where d.day >= @Month
            union all
            select '{UsageKinds.ShareViews}', sum(least(s.openings, s.max_views)) from gallery.image_share as s where s.created_at >= @Month::timestamp at time zone 'utc'
        ) as r (kind, quantity)
        left join
        (
            select l.kind, sum(l.quantity) as quantity
            from {UsageLedger.Lines} as l
            where l.occurred_at >= @Month::timestamp at time zone 'utc'
              and l.corrects is null
            group by l.kind
        ) as l on l.kind = r.kind
        where r.quantity > coalesce(l.quantity, 0)
        order by r.kind
        """);

    /// <summary>Writes the missing lines into the open month, and says how many. The metadata counts as it is now.</summary>
    public Task<int> MendAsync() => snapshot.Connection!.ExecuteAsync(new CommandDefinition(
        $"""
        insert into gallery.usage_line (user_id, event_id, period, kind, quantity, image_id, occurred_at, note)
        select e.user_id, {UsageLedger.EventId}, {UsageLedger.Month}, k.kind, k.quantity, e.image_id, e.occurred_at, 'reconciled'
        from (select e.image_id, e.revision, e.occurred_at, e.user_id {WithoutLine}) as e
        left join (select i.image_id, i.metadata::text as metadata from gallery.image as i) as w on w.image_id = e.image_id
        cross join lateral (values ('{UsageKinds.Saves}', 1), ('{UsageKinds.MetadataBytes}', {UsageLedger.MetadataBytes})) as k (kind, quantity)
        where k.quantity > 0
        on conflict (user_id, event_id) do nothing
        """,
        Parameters, snapshot, cancellationToken: ct));

    private object Parameters => new { From = from.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc), Month = new DateOnly(from.Year, from.Month, 1) };

    private async Task<IReadOnlyList<string>> ListAsync(string sql) =>
        [.. await snapshot.Connection!.QueryAsync<string>(new CommandDefinition($"{sql}\nlimit {MostDifferences}", Parameters, snapshot, cancellationToken: ct))];

    private Task<T> QueryOneAsync<T>(string sql) => snapshot.Connection!.QuerySingleAsync<T>(new CommandDefinition(sql, Parameters, snapshot, cancellationToken: ct));
}
