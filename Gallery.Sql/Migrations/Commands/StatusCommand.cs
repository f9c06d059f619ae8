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
            var isUnderWay = await MigrationLock.FindHolderAsync(connection, ct) is not null;
            Console.Write(parsed.GetValue(output) == "json" ? StatusReport.ToJson(plan, isUnderWay) : StatusReport.ToTable(plan, isUnderWay));
            if (!parsed.GetValue(exitCode))
                return ExitCode.Done;

            await plan.ThrowIfInconsistentAsync(connection, ct);
            return plan.Pending.Count > 0 ? ExitCode.Pending : ExitCode.Done;
        }));
        return command;
    }
}
