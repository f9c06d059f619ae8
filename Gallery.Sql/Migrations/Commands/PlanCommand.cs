using System.CommandLine;
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
        var command = new Command("plan",
            $"Shows in full what apply would run. Only reads. If {RehearsalServer.Setting} is set, rehearses the scripts there.")
        {
            target,
            output,
        };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            var database = CommandLine.FindTarget(parsed);
            await using var connection = await MigratorSession.ConnectAsync(database, ct);
            var plan = MigrationPlan.Make(
                CommandLine.ReadScripts(parsed), await Journal.ReadAsync(connection, ct), parsed.GetValue(target));
            plan.ThrowIfInconsistent();
            await InvalidIndexes.ThrowIfAnyAsync(connection, ct);   // as apply and the bundle do
            ScriptRules.ThrowIfBroken(plan.Pending);

            await using var server = plan.Pending.Count == 0 ? null : await RehearsalServer.StartAsync(Settings.Load(), StandardErrorLog.Instance, ct);
            var rehearsed = server is null ? null : await Rehearsal.RunAsync(server.Connection, plan, ct);
            var report = new PlanReport(MigratorSession.Describe(database), plan, rehearsed);
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
