using System.Globalization;

namespace Gallery.Sql.Migrations;

/// <summary>
/// A script with <c>-- migrator: batched</c>: one statement that changes a limited number of rows, run until it changes none. Each run commits, and then pauses as
/// long as it took, so that standbys and other writers keep up. So no row stays locked for longer than a batch takes.
/// </summary>
internal static class BatchedScript
{
    private const string Statement = "$gallery_statement$";
    private const string Block = "$gallery_batches$";

    private const double LongestPause = 1;   // seconds

    /// <summary>What a statement cannot contain.</summary>
    public static readonly string[] Quotes = [Statement, Block];

    /// <summary>The server runs the loop, so that psql can run it too. The journal's row says how many rows were changed so far.</summary>
    public static string Loop(string script, string statement) => string.Create(CultureInfo.InvariantCulture, $"""
        do {Block}
        declare
            began   timestamptz;
            changed bigint;
            total   bigint := 0;
        begin
            loop
                began := clock_timestamp();
                execute {Statement}
        {statement}
        {Statement};
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
        {Block}
        """);
}
