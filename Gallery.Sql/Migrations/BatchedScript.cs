using System.Globalization;

namespace Gallery.Sql.Migrations;

/// <summary>
/// A script with <c>-- migrator: batched</c>: one statement that changes a limited number of rows, run until it changes none. Each run commits, and then pauses as
/// long as it took, so that standbys and other writers keep up. So no row stays locked for longer than a batch takes.
/// </summary>
internal static class BatchedScript
{
    public const string Quote = "$gallery_statement$";

    private const double LongestPause = 1;   // seconds

    /// <summary>The server runs the loop, so that psql can run it too. The journal's row says how many rows were changed so far.</summary>
    public static string Loop(string script, string statement) => string.Create(CultureInfo.InvariantCulture, $"""
        do $gallery_batches$
        declare
            began   timestamptz;
            changed bigint;
            total   bigint := 0;
        begin
            loop
                began := clock_timestamp();
                execute {Quote}
        {statement}
        {Quote};
                get diagnostics changed = row_count;
                exit when changed = 0;
                total := total + changed;
                update gallery_migrations.journal
                set reason = format('%s rows so far in this run', total)
                where script = '{script}'
                  and state = 'running';
                commit;
                perform pg_sleep(least({LongestPause}, extract(epoch from clock_timestamp() - began)));
            end loop;
        end
        $gallery_batches$
        """);
}
