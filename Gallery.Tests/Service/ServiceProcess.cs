using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Gallery.Tests.Service;

/// <summary>The service as a process, in its own folder, with only the settings that are given.</summary>
public sealed partial class ServiceProcess : IAsyncDisposable
{
    /// <summary>A setting that asks for credentials, of a key that nobody has.</summary>
    public const string Credentials = "GALLERY_API_KEYS=nobody:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ConcurrentQueue<string> _output = [];
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly TaskCompletionSource<Uri?> _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-service-").FullName;
    private readonly Process _process;

    /// <param name="urls">The value of <c>--urls</c>; null for no such argument.</param>
    /// <param name="dotEnv">The text of <c>.env</c> in the working directory; null for no file.</param>
    /// <param name="settings">The environment, each <c>NAME=value</c>.</param>
    public ServiceProcess(string? urls, string? dotEnv, params IEnumerable<string> settings)
        : this([], urls, dotEnv, settings)
    {
    }

    /// <param name="launcher">A program with its arguments that becomes the service, such as <c>unshare</c>.</param>
    public ServiceProcess(string[] launcher, string? urls, string? dotEnv, IEnumerable<string> settings)
    {
        File.WriteAllText(Path.Combine(_folder, "any.sln"), "");   // a checkout, so that it does not matter whether the tests run in a container
        if (dotEnv is not null) File.WriteAllText(Path.Combine(_folder, ".env"), dotEnv);

        string[] command =
        [
            // A shell ignores SIGINT for what it runs in the background, and children inherit that.
            .. OperatingSystem.IsLinux() ? new[] { "env", "--default-signal=INT" } : [],
            .. launcher, Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll"),
            .. urls is null ? [] : new[] { "--urls", urls },
        ];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Clear();
        foreach (var name in new[] { "PATH", "DOTNET_ROOT", "SystemRoot" })
            if (Environment.GetEnvironmentVariable(name) is { } value) start.Environment[name] = value;
        (start.Environment["HOME"], start.Environment["GALLERY_DATA"]) = (_folder, _folder);   // for its private PostgreSQL
        start.Environment["GALLERY_DRAIN_SECONDS"] = "0";
        foreach (var setting in settings.Select(line => line.Split('=', 2))) start.Environment[setting[0]] = setting[1];

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data, _output);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data, _errors);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Output => string.Join('\n', _output);

    /// <summary>Waits until the log has this text.</summary>
    public async Task WaitForLogAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!Output.Contains(text, StringComparison.Ordinal)) await Task.Delay(20, patience.Token);
    }

    public IReadOnlyList<string> Errors => [.. _errors];

    public int Id => _process.Id;

    /// <summary>Where it serves, once it does.</summary>
    public async Task<Uri> WaitForServingAsync() =>
        await _serving.Task.WaitAsync(Patience) ?? throw new InvalidOperationException($"The service ended: {Output}{string.Join('\n', Errors)}");

    /// <summary>The exit code, once the process has ended and all that it wrote is read.</summary>
    public async Task<int> WaitForExitAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    /// <summary>What an orchestrator does: SIGTERM, and the exit code that follows.</summary>
    public async Task<int> TerminateAsync()
    {
        await SendAsync("TERM");
        return await WaitForExitAsync();
    }

    /// <param name="signal">Its name, such as INT for Ctrl+C.</param>
    public async Task SendAsync(string signal)
    {
        using var kill = Process.Start("sh", ["-c", $"kill -{signal} {_process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>SIGKILL: it ends at once, whatever it is doing.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Keep(string? line, ConcurrentQueue<string> lines)
    {
        if (line is null)
        {
            _serving.TrySetResult(null);   // the stream's end: too late to begin serving
            return;
        }

        lines.Enqueue(line);
        if (Serves().Match(line) is { Success: true } match) _serving.TrySetResult(new Uri(match.Groups["url"].Value));
    }

    [GeneratedRegex(@"Gallery serves (?<url>http://[^ ,]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Serves();
}
