using System.CommandLine;
using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Sql.Migrations.Commands;

internal static class PlanCommand
{
    public static Command Create()
    {
        var target = CommandLine.TargetOption();
        var output = new Option<string>("--output")
        {
            Description = "text for people, json for programs, or sql: a file for psql that does what apply does",
            DefaultValueFactory = _ => "text",
        }.AcceptOnlyFromAmong("text", "json", "sql");
        var rows = new Option<int>("--rehearse-rows") { Description = "how many generated images the rehearsal's tables have", DefaultValueFactory = _ => 0 };
        rows.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && (!int.TryParse(text, CultureInfo.InvariantCulture, out var count) || count is < 0 or > 100_000_000))
                result.AddError("--rehearse-rows: it must be from 0 to 100000000.");
        });
        var command = new Command("plan",
            $"Shows in full what apply would run. Only reads. If {RehearsalServer.Setting} is set, rehearses the scripts there.")
        {
            target,
            output,
            rows,
        };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            var database = CommandLine.FindTarget(parsed);
            await using var connection = await CommandLine.ConnectAsync(database, ct);
            var plan = MigrationPlan.Make(
                CommandLine.ReadScripts(parsed), await Journal.ReadAsync(connection, ct), parsed.GetValue(target));
            await plan.ThrowIfInconsistentAsync(connection, ct);
            await InvalidIndexes.ThrowIfAnyAsync(connection, ct);   // as apply and the bundle do
            ScriptRules.ThrowIfBroken(plan.Pending);

            await using var server = plan.Pending.Count == 0 ? null : await RehearsalServer.StartAsync(Settings.Load(), StandardErrorLog.Instance, ct);
            if (server is null && plan.Pending.Count > 0 && parsed.GetValue(rows) > 0)
                throw new MigrationException(ExitCode.Usage, $"--rehearse-rows needs a server for the rehearsal: set {RehearsalServer.Setting} to a scratch server, or to embedded.");
            var rehearsed = server is null ? null : await Rehearsal.RunAsync(server, plan, parsed.GetValue(rows), ct);
            var report = new PlanReport(MigratorSession.Describe(database), plan, rehearsed, parsed.GetValue(rows));
            Console.Write(parsed.GetValue(output) switch
            {
                "json" => report.ToJson(),
                "sql" => PsqlBundle.Write(plan),
                _ => report.ToText(),
            });
            return ExitCode.Done;
        }));
        return command;
    }
}
