using System.Diagnostics;
using System.Text;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

internal sealed record ExeResult(int ExitCode, string Output, string Error)
{
    public string Everything => Output + Error;
}

/// <summary>The migrator as CI runs it: a separate process that gets the database from its environment.</summary>
internal sealed class Exe : IDisposable
{
    // From the migrator's output folder: the tests' folder has ASP.NET's assemblies instead of the packages it needs.
    public static readonly string Program = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "../../../../Gallery.Sql/bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "Gallery.Sql.dll"));

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private Exe(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Append(_output, e.Data);
        _process.ErrorDataReceived += (_, e) => Append(_error, e.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public static Task<ExeResult> RunAsync(TestDatabase database, params string[] arguments) =>
        RunAsync(database.ConnectionString, arguments);

    public static async Task<ExeResult> RunAsync(string? connectionString, params string[] arguments)
    {
        using var exe = Start(connectionString, arguments);
        return await exe.WaitAsync();
    }

    public static Exe Start(string? connectionString, params string[] arguments) => Start(connectionString, [], arguments);

    public static Exe Start(string? connectionString, Dictionary<string, string> settings, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),   // no .env
        };
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToArray())
            start.Environment.Remove(name);
        if (connectionString is not null)
            start.Environment["DATABASE_URL"] = connectionString;
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        return new Exe(start);
    }

    public int Id => _process.Id;

    public void Kill() => _process.Kill();   // SIGKILL

    public async Task<ExeResult> WaitAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(limit.Token);
        return new ExeResult(_process.ExitCode, _output.ToString(), _error.ToString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static bool IsSetting(string name) =>
        name == "DATABASE_URL" || name.StartsWith("SUPABASE_DB_", StringComparison.Ordinal) || name.StartsWith("GALLERY_", StringComparison.Ordinal);

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
            lock (text)
                text.Append(line).Append('\n');
    }
}
