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
            Description = "text for people, json for programs, sql for psql: a file that does what apply does",
            DefaultValueFactory = _ => "text",
        }.AcceptOnlyFromAmong("text", "json", "sql");
        var command = new Command("plan",
            $"Shows what apply would run, in full. Rehearses it first on the scratch server of {RehearsalServer.Setting}, if that is set. Only reads.")
        {
            target,
            output,
        };
        command.SetAction((parsed, ct) => CommandLine.AnswerAsync(async () =>
        {
            var database = CommandLine.FindTarget(parsed);
            await using var connection = await MigratorSession.ConnectAsync(database, ct);
            var plan = MigrationPlan.Make(
                CommandLine.ReadScripts(parsed), await Journal.ReadAsync(connection, ct), parsed.GetValue(target));
            plan.RefuseProblems();
            await InvalidIndexes.RefuseAsync(connection, ct);   // apply and the bundle would
            ScriptRules.Refuse(plan.Pending);

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
