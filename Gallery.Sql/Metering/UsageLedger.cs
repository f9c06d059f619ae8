namespace Gallery.Sql.Metering;

/// <summary>The parts of other statements that add lines to <c>gallery.usage_line</c>, so that a line is there if and only if what it counts is.</summary>
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

    /// <summary>A line for each user and kind in <c>c</c>, with its quantity.</summary>
    public const string OfCounts = $"""
        insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at)
        select c.user_id, gen_random_uuid(), {Month}, c.kind, c.quantity, now()
        from c
        where c.quantity > 0
        """;
}
