namespace Gallery.Sql.Metering;

/// <summary>The parts of other statements that write the ledger, so that it has something if and only if what it counts is there.</summary>
/// <remarks>An event of the history has its own lines, in <c>gallery.usage_line</c>. Views, downloads and openings are counted up in <c>gallery.usage_tally</c>, so that visitors cannot fill the ledger.</remarks>
internal static class UsageLedger
{
    /// <summary>The open month, the first day of which is a line's period.</summary>
    public const string Month = "date_trunc('month', now() at time zone 'utc')::date";

    /// <summary>The id of the line of an event of the history, <c>e</c>, of the kind <c>k.kind</c>. It follows from the event alone, so that <c>reconcile</c> can compute it again.</summary>
    public const string EventId = "encode(substring(sha256(convert_to(concat_ws(' ', e.image_id, e.revision, extract(epoch from e.occurred_at), k.kind), 'UTF8')) for 16), 'hex')::uuid";

    /// <summary><c>u</c>: the lines of the events in <c>h</c>, with the metadata that their images have after them.</summary>
    public const string OfEvents = $"""
        u as
            (
                insert into gallery.usage_line (user_id, event_id, period, kind, quantity, image_id, occurred_at)
                select e.user_id, {EventId}, {Month}, k.kind, k.quantity, e.image_id, e.occurred_at
                from h as e
                cross join lateral (select e.metadata) as w
                cross join lateral
                    (values ('{UsageKinds.Saves}', 1, e.event = 'created'), ('{UsageKinds.MetadataBytes}', {MetadataBytes}, e.event = 'created' or 'metadata' = any (e.fields)))
                    as k (kind, quantity, is_used)
                where k.is_used
                  and k.quantity > 0
            )
        """;

    /// <summary>The bytes of an image's metadata, <c>w.metadata</c>, as text. 0 for no keys.</summary>
    public const string MetadataBytes = "case when w.metadata = '{}' then 0 else octet_length(w.metadata) end";

    /// <summary>Adds the quantities in <c>c</c>, which has one row for each user and kind, to the tallies of the open month. In one order, so that two statements cannot deadlock.</summary>
    public const string OfCounts = $"""
        insert into gallery.usage_tally as x (user_id, period, kind, quantity)
        select c.user_id, {Month}, c.kind, c.quantity
        from c
        where c.quantity > 0
        order by c.user_id, c.kind
        on conflict (user_id, period, kind) do update set quantity = x.quantity + excluded.quantity, recorded_at = greatest(x.recorded_at, excluded.recorded_at)
        """;

    /// <summary>The whole ledger: lines, and tallies as lines.</summary>
    public const string Lines = """
        (
            select l.user_id, l.event_id, l.period, l.kind, l.quantity, l.image_id, l.occurred_at, l.recorded_at, l.corrects, l.note
            from gallery.usage_line as l
            union all
            select t.user_id, t.event_id, t.period, t.kind, t.quantity, null, t.recorded_at, t.recorded_at, null, null
            from gallery.usage_tally as t
        )
        """;
}
