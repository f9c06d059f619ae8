using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>
/// The plan as one file for psql, for DBAs who allow no other program. It uses the same lock, time-outs, transactions and
/// journal rows as <c>apply</c>. A second run does nothing.
/// </summary>
internal static partial class PsqlBundle
{
    // Resets what the previous script has set. The role is the one that psql started with.
    private const string RestoreSession = """
        reset session authorization;
        reset all;
        \encoding UTF8
        select set_config('role', :'starting_role', false)
        \g /dev/null
        select set_config(name, '0', false)
        from pg_settings
        where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
        \g /dev/null
        set lock_timeout = '3s';
        set search_path = pg_catalog;
        set standard_conforming_strings = on;
        """;

    private static readonly string[] BegunOrApplied = ["running", "failed", Journal.Applied];

    public static string Write(MigrationPlan plan)
    {
        var runId = Guid.CreateVersion7().ToString();
        var text = new StringBuilder();
        text.Append($"""
            -- Gallery's pending migrations, {plan.Hash}
            -- Run it as: psql -X -f THIS_FILE
            -- psql takes its connection from PGHOST, PGUSER and PGDATABASE, and the password from ~/.pgpass.
            -- Each script is one transaction. At the first error, psql stops and exits with 3. A second run does nothing.

            \set ON_ERROR_STOP on
            \set AUTOCOMMIT on
            select current_setting('role') as starting_role \gset
            {RestoreSession}

            -- gallery-migrate takes the same lock, so only one of the two runs. The lock ends with the session.
            do $gallery$
            begin
                if not pg_try_advisory_lock({MigrationLock.Key}) then
                    raise exception 'another run of the migrator holds the lock: run this file again when it has finished';
                end if;
            end
            $gallery$;

            {InvalidIndexes.RaiseIfAnySql}

            select to_regclass('gallery_migrations.journal') is null as journal_is_missing \gset
            \if :journal_is_missing
            begin;
            {Journal.CreateSql}
            commit;
            \endif

            -- The plan is valid only for a database that has exactly these scripts.
            do $gallery$
            begin
                if exists (
                    select 1
                    from gallery_migrations.journal j
                    where j.state <> 'resolved'
                      and (j.script, j.checksum, j.state) not in ({Known(plan)})
                ) or {plan.Applied.Count()} <> (
                    select count(*)
                    from gallery_migrations.journal j
                    where j.state = 'applied'
                      and j.script in ({Names(plan)})
                ) then
                    raise exception 'the database has changed since this plan was made: make a new plan';
                end if;
            end
            $gallery$;


            """);
        foreach (var script in plan.Pending)
            AppendScript(text, script, runId);
        text.Append($"\n{InvalidIndexes.RaiseIfAnySql}\n");
        return text.ToString();
    }

    private static void AppendScript(StringBuilder text, MigrationScript script, string runId)
    {
        var end = SqlText.Mask(script.Body).TrimEnd().EndsWith(';') ? "" : "\n;";
        var body = script.IsBatched ? BatchedScript.Loop(script.Name, SqlText.Split(script.Body)[0].Text) + ";" : script.Body.TrimEnd('\n') + end;
        text.Append($"""

            -- ==== {script.Name}
            select not exists (
                select 1 from gallery_migrations.journal j where j.script = {Literal(script.Name)} and j.state {(script.IsBatched ? "= 'applied'" : "<> 'resolved'")}
            ) as is_pending \gset
            \if :is_pending
            \echo {script.Name}
            {RestoreSession}

            """);
        text.Append(script.InTransaction
            ? $"""
                begin;
                {JournalSql.NoteTables} \gset

                {body}

                {Fill(JournalSql.InsertApplied, script, runId)};
                commit;

                """
            : $"""
                set lock_timeout = {(script.IsBatched ? "'3s'" : "0")};
                {Fill(script.IsBatched ? JournalSql.InsertOrResume : JournalSql.InsertRunning, script, runId)};

                {body}

                {Fill(JournalSql.FinishRunning, script, runId)};

                """);
        text.Append("\\endif\n");
    }

    /// <summary>Replaces the parameters of a journal statement with their values.</summary>
    private static string Fill(string sql, MigrationScript script, string runId) => Parameter.Replace(sql, match => match.Value switch
    {
        "@Script" => Literal(script.Name),
        "@RunId" => Literal(runId),
        "@Checksum" => Literal(script.Checksum),
        "@Body" => Literal(script.Body),
        "@Client" => "'psql'",
        "@ToolVersion" => Literal(Release.Version),
        "@TablesBefore" => ":'tables_before'",
        _ => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{match.Value} has no value.")),
    });

    private static string Known(MigrationPlan plan) => string.Join(", ",
        plan.Applied.Select(row => $"({Literal(row.Script)}, {Literal(row.Checksum)}, 'applied')")
            .Concat(plan.Pending.SelectMany(script => (script.IsBatched ? BegunOrApplied : [Journal.Applied]).Select(state => $"({Literal(script.Name)}, {Literal(script.Checksum)}, '{state}')")))
            .DefaultIfEmpty("('', '', '')"));

    private static string Names(MigrationPlan plan) =>
        string.Join(", ", plan.Applied.Select(row => Literal(row.Script)).DefaultIfEmpty("''"));

    private static string Literal(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    [GeneratedRegex("@[A-Z][A-Za-z]+")]
    private static partial Regex Parameter { get; }
}
