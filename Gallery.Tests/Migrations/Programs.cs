using System.Diagnostics;

namespace Gallery.Tests.Migrations;

/// <summary>Programs that a few tests need beside the server.</summary>
internal static class Programs
{
    public static string Psql { get; } = Find("psql", "postgresql-client");

    public static string PgBouncer { get; } = Find("pgbouncer", "pgbouncer");

    public static async Task<ExeResult> RunAsync(string program, Dictionary<string, string> settings, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new ExeResult(process.ExitCode, await output, await error);
    }

    private static string Find(string program, string package) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Append("/usr/sbin")   // Debian's home of pgbouncer, on no user's path
            .Select(directory => Path.Combine(directory, OperatingSystem.IsWindows() ? program + ".exe" : program))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"This test needs {program}: apt-get install {package}, or your system's equal.");
}
