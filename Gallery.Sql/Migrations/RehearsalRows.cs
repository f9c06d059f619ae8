using System.Data;
using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Fills the tables of a scratch database, so that a rehearsal takes as long as on tables of that size. Each table has a row for each image.</summary>
internal static class RehearsalRows
{
    private const string Id = "md5(n::text)::uuid";
    private const string User = "'user_' || n % 1000";
    private const string Time = "now() - n * interval '1 second'";

    // Only these columns are filled, and of them only those that the applied scripts have made. So a script that adds a column changes nothing here. A new table is a new line.
    private static readonly (string Table, (string Column, string Value)[] Values)[] Tables =
    [
        ("image",
        [
            ("image_id", Id),
            ("user_id", User),
            ("image_url", "'https://res.cloudinary.com/demo/image/upload/v1/' || md5(n::text)::uuid || '.jpg'"),
            ("refined_prompt", "'A lighthouse above a stormy sea at dusk, in the style of an old woodcut, number ' || n"),
            ("intent", "'generate'"),
            ("metadata", "jsonb_build_object('model', 'model-' || n % 7, 'session_id', md5(n::text), 'seed', n)"),
            ("created_at", Time),
            ("updated_at", Time),
            ("deleted_at", "case when n % 30 = 0 then now() end"),
            ("tags", "array['tag ' || n % 100]"),
        ]),
        ("image_tag", [("image_id", Id), ("tag", "'tag ' || n % 100"), ("label", "'tag ' || n % 100"), ("user_id", User), ("created_at", Time)]),
        ("image_event", [("image_id", Id), ("revision", "1"), ("event", "'created'"), ("occurred_at", Time), ("user_id", User), ("position", "n")]),
        ("image_count", [("image_id", Id), ("views", "n % 50")]),
        ("image_day", [("image_id", Id), ("day", "current_date - n % 365"), ("views", "1")]),
        ("image_visit", [("image_id", Id), ("day", "current_date"), ("kind", "1"), ("visitor", "decode(md5(n::text), 'hex')")]),
        ("image_share", [("image_id", Id), ("share_id", Id), ("user_id", User), ("created_at", Time)]),
        ("image_grant", [("image_id", Id), ("user_id", "'friend'"), ("owner_id", User), ("role", "'view'")]),
        ("usage_line", [("user_id", User), ("event_id", Id), ("period", "date_trunc('month', now() at time zone 'utc')::date"), ("kind", "'saves'"), ("quantity", "1"), ("image_id", Id), ("occurred_at", Time)]),
        ("usage_tally", [("user_id", "'user_' || n"), ("event_id", Id), ("period", "date_trunc('month', now() at time zone 'utc')::date"), ("kind", "'views'"), ("quantity", "n")]),
    ];

    public static async Task FillAsync(NpgsqlConnection connection, int rows, CancellationToken ct)
    {
        if (rows == 0) return;

        foreach (var (table, values) in Tables)
        {
            var columns = (await connection.QueryAsync<string>(new CommandDefinition(
                "select a.attname::text from pg_attribute a where a.attrelid = to_regclass('gallery.' || @Table) and a.attnum > 0 and not a.attisdropped",
                new { Table = table }, cancellationToken: ct))).ToHashSet(StringComparer.Ordinal);
            var filled = values.Where(value => columns.Contains(value.Column)).ToArray();
            if (filled.Length == 0) continue;

            var sql = $"insert into gallery.{table} ({string.Join(", ", filled.Select(value => value.Column))}) select {string.Join(", ", filled.Select(value => value.Value))} from generate_series(1, @Rows) as n";
            await connection.ExecuteAsync(new CommandDefinition(sql, new { Rows = rows }, commandTimeout: 0, cancellationToken: ct));
        }

        await connection.ExecuteAsync(new CommandDefinition("analyze", commandTimeout: 0, commandType: CommandType.Text, cancellationToken: ct));
    }
}
