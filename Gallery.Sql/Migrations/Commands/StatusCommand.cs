using System.CommandLine;

namespace Gallery.Sql.Migrations.Commands;

internal static class StatusCommand
{
    public static Command Create()
    {
        var output = new Option<string>("--output") { Description = "table or json", DefaultValueFactory = _ => "table" }
            .AcceptOnlyFromAmong("table", "json");
        var exitCode = new Option<bool>("--exit-code") { Description = "exit with 3 if scripts are pending, with 5 or 6 if something is wrong" };
        var command = new Command("status", "Shows the state of each script. Only reads.") { output, exitCode };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            await using var connection = await CommandLine.ConnectAsync(CommandLine.FindTarget(parsed), ct);
            var plan = MigrationPlan.Make(CommandLine.ReadScripts(parsed), await Journal.ReadAsync(connection, ct), target: null);
            Console.Write(parsed.GetValue(output) == "json" ? StatusReport.ToJson(plan) : StatusReport.ToTable(plan));
            if (!parsed.GetValue(exitCode))
                return ExitCode.Done;

            plan.ThrowIfInconsistent();
            return plan.Pending.Count > 0 ? ExitCode.Pending : ExitCode.Done;
        }));
        return command;
    }
}
