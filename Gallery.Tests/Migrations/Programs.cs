using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Gallery.Tests.Migrations;

/// <summary>Programs that some tests need besides the server. If one is missing, its tests are skipped; in CI they fail.</summary>
internal static class Programs
{
    public static string Psql => Find("psql") ?? Missing("psql is not installed. On Debian: apt-get install postgresql-client.");

    public static string PgBouncer => Find("pgbouncer") ?? Missing("pgbouncer is not installed. On Debian: apt-get install pgbouncer.");

    /// <summary>Skips the test with the reason, or fails it if <c>CI=true</c>.</summary>
    [DoesNotReturn]
    public static string Missing(string reason)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") == "true", reason);
        throw new InvalidOperationException(reason);
    }

    public static async Task<ExeResult> RunAsync(string program, Dictionary<string, string> settings, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var error = process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return new ExeResult(process.ExitCode, await output, await error);
    }

    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Append("/usr/sbin")   // where Debian has pgbouncer; not on a user's PATH
            .Select(directory => Path.Combine(directory, OperatingSystem.IsWindows() ? program + ".exe" : program))
            .FirstOrDefault(File.Exists);
}
