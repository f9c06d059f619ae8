using System.CommandLine;
using System.Globalization;

namespace Gallery.Sql.Migrations.Commands;

internal static class ApplyCommand
{
    public static Command Create()
    {
        var target = CommandLine.TargetOption();
        var expectPlan = new Option<string?>("--expect-plan") { Description = "the hash that plan printed; any other plan is rejected" };
        var waitLock = CommandLine.DurationOption(
            "--wait-lock", "how long to wait for another run to finish", ApplyOptions.Default.WaitLock);
        var lockTimeout = CommandLine.DurationOption(
            "--lock-timeout", "how long a script may wait for a table lock, while queries queue behind it", ApplyOptions.Default.LockTimeout,
            atLeast: TimeSpan.FromMilliseconds(1));   // PostgreSQL reads 0 as no limit
        var lockRetries = new Option<int>("--lock-retries")
        {
            Description = "how often to retry a script that got no lock",
            DefaultValueFactory = _ => ApplyOptions.Default.LockRetries,
        };
        lockRetries.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && int.TryParse(text, CultureInfo.InvariantCulture, out var retries) && retries < 0)
                result.AddError("--lock-retries: it must be 0 or more.");
        });
        var command = new Command("apply", "Runs the pending scripts, each in its own transaction.")
        {
            target,
            expectPlan,
            waitLock,
            lockTimeout,
            lockRetries,
        };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            var applied = await Migrator.ApplyAsync(
                CommandLine.FindTarget(parsed),
                CommandLine.ReadScripts(parsed),
                new ApplyOptions(
                    parsed.GetValue(target),
                    parsed.GetValue(expectPlan),
                    parsed.GetValue(waitLock),
                    parsed.GetValue(lockTimeout),
                    parsed.GetValue(lockRetries)),
                StandardErrorLog.Instance,
                ct);
            foreach (var name in applied)
                Console.WriteLine(name);
            return ExitCode.Done;
        }));
        return command;
    }
}
