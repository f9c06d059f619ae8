using System.CommandLine;
using Gallery.Sql.Database;

namespace Gallery.Sql.Migrations.Commands;

internal static class BaselineCommand
{
    public static Command Create()
    {
        var through = new Option<int>("--through") { Description = "the number of the last script that the schema already contains", Required = true };
        var command = new Command("baseline", "Adopts a database that already has the schema: journals the scripts without running them.") { through };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(async () =>
        {
            var all = CommandLine.ReadScripts(parsed);
            var last = parsed.GetValue(through);
            var adopted = all.Where(script => script.Number <= last).ToArray();
            if (adopted.Length == 0 || adopted[^1].Number != last)
                throw new MigrationException(ExitCode.Usage, $"--through {last:0000}: there is no script with that number.");

            var expected = adopted.Length == all.Count
                ? CommandLine.ReadSnapshot(parsed)
                : await RehearseAsync(adopted, ct);
            await Baseline.AdoptAsync(CommandLine.FindTarget(parsed), adopted, expected, StandardErrorLog.Instance, ct);
            foreach (var script in adopted)
                Console.WriteLine(script.Name);
            return ExitCode.Done;
        }));
        return command;
    }

    /// <summary>The committed snapshot shows the schema after the last script. For an earlier script, a rehearsal finds it.</summary>
    private static async Task<string> RehearseAsync(MigrationScript[] scripts, CancellationToken ct)
    {
        await using var server = await RehearsalServer.StartAsync(Settings.Load(), StandardErrorLog.Instance, ct)
            ?? throw new SettingsException(
                $"--through {scripts[^1].Number:0000} is not the last script, so its schema must be rehearsed: "
                + $"set {RehearsalServer.Setting} to a scratch server or to embedded.");
        return await Rehearsal.SnapshotAsync(server, scripts, ct);
    }
}
