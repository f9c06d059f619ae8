using System.CommandLine;

namespace Gallery.Sql.Migrations.Commands;

internal static class ResolveCommand
{
    public static Command Create()
    {
        var script = new Argument<string>("script") { Description = "the script's file name" };
        var outcome = new Option<string>("--as") { Description = "applied: its index exists; pending: run it again", Required = true }
            .AcceptOnlyFromAmong("applied", "pending");
        var reason = new Option<string>("--reason") { Description = "what you found and did, for the journal", Required = true };
        var command = new Command("resolve", "Closes a concurrent script that stopped half-way.") { script, outcome, reason };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            await Resolution.ResolveAsync(
                CommandLine.FindTarget(parsed),
                parsed.GetRequiredValue(script),
                parsed.GetRequiredValue(outcome) == "applied",
                parsed.GetRequiredValue(reason),
                StandardErrorLog.Instance,
                ct);
            return ExitCode.Done;
        }));
        return command;
    }
}
