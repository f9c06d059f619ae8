using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Npgsql;

namespace Gallery.Tests.Access;

/// <summary>Where a service that asks for no credentials may listen; and how one gets its first key.</summary>
public sealed class StartTests(TestService other) : IClassFixture<TestService>
{
    private static readonly string[] Cures = ["GALLERY_API_KEYS", "SUPABASE_URL", "GALLERY_ALLOW_ANONYMOUS=true", "--urls http://localhost:9999"];

    [Theory]
    [InlineData("--urls", "http://0.0.0.0:0")]
    [InlineData("--urls", "http://+:9999")]
    [InlineData("--urls", "http://*:0")]
    [InlineData("--urls", "http://[::]:0")]
    [InlineData("--urls", "http://gallery.example.com:0")]
    [InlineData("--urls", "http://192.0.2.1:0")]
    [InlineData("--urls", "http://[fe80::1]:0")]
    [InlineData("--urls", "http://127.0.0.1:0;http://0.0.0.0:0")]
    [InlineData("--http_ports", "0")]
    [InlineData("--Kestrel:Endpoints:Http:Url", "http://*:0")]
    public async Task An_address_that_others_can_reach_is_refused_with_the_ways_out(string name, string value)
    {
        var error = await Assert.ThrowsAsync<SettingsException>(() => StartAsync([name, value]));

        Assert.All(Cures, cure => Assert.Contains(cure, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://localhost:0")]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://127.1.2.3:0")]
    [InlineData("http://[::1]:0")]
    [InlineData("http://unix:SOCKET")]
    public async Task An_address_of_this_machine_alone_is_not(string url)
    {
        var socket = Path.Combine(Path.GetTempPath(), $"gallery-{Guid.NewGuid():N}.sock");

        if (url == "http://localhost:0") url = $"http://localhost:{FreePort()}";   // Kestrel binds both loopbacks, to one port
        await StartAsync(["--urls", url.Replace("SOCKET", socket, StringComparison.Ordinal)]);
    }

    [Fact]
    public async Task Whoever_insists_or_asks_for_credentials_listens_anywhere()
    {
        await StartAsync(["--urls", "http://*:0"], "GALLERY_ALLOW_ANONYMOUS=true");
        await StartAsync(["--urls", "http://*:0"], GuardedService.Keys);
        await StartAsync(["--urls", "http://*:0"], "SUPABASE_URL=https://x.supabase.co");
    }

    [Theory]
    [InlineData("ASPNETCORE_HTTP_PORTS=0")]
    [InlineData("ASPNETCORE_URLS=http://*:0")]
    public async Task The_process_says_so_in_one_line(string setting)
    {
        await using var service = new ServiceProcess(urls: null, dotEnv: null, [$"DATABASE_URL={other.Database.ConnectionString}", setting]);

        Assert.Equal(2, await service.WaitForExitAsync());
        var line = Assert.Single(service.Errors);
        Assert.All(Cures, cure => Assert.Contains(cure, line, StringComparison.Ordinal));
        Assert.DoesNotContain("serves", service.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", "--urls")]
    [InlineData("-h", "key <NAME>")]
    [InlineData("--version", ".")]
    public async Task The_command_line_answers_questions_and_starts_nothing(string question, string answer)
    {
        var (exitCode, output, error) = await RunAsync(question);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains(answer, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Unknown word on the command line: keys. See --help.", "keys", "x")]
    [InlineData("Unknown word on the command line: --ulrs. See --help.", "--ulrs", "http://u:hunter2@h")]
    [InlineData("Unknown word on the command line: DATABASE_URL. See --help.", "DATABASE_URL=postgresql://u:hunter2@h/d")]
    [InlineData("Unknown word on the command line: postgresql. See --help.", "--urls", "http://127.0.0.1:0", "postgresql://u:hunter2@h/d")]
    [InlineData("Unknown word on the command line. See --help.", "gallery_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG")]
    [InlineData("Unknown word on the command line. See --help.", "hunter2")]
    [InlineData("Required argument missing for option: '--urls'. See --help.", "--urls")]
    public async Task Unknown_words_are_refused_with_2(string message, params string[] args) =>
        Assert.Equal((2, "", $"gallery: {message}\n"), await RunAsync(args));

    [Fact]
    public async Task The_key_that_the_command_prints_is_let_in_by_the_setting_that_it_prints()
    {
        var (exitCode, output, error) = await RunAsync("key", "pipeline");
        Assert.Equal(0, exitCode);
        var (key, setting) = output.Trim().Split('\n') is [var first, var second] ? (first, second) : throw new InvalidOperationException(output);
        Assert.Matches("^gallery_[A-Za-z0-9_-]{43}$", key);
        Assert.Equal($"GALLERY_API_KEYS=pipeline:{GuardedService.Hash(key)}", setting);
        Assert.DoesNotContain(key, error, StringComparison.Ordinal);

        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: $"{setting}\n", $"DATABASE_URL={other.Database.ConnectionString}");
        using var api = new Api(await service.WaitForServingAsync());
        Assert.Equal(200, (await api.GetAsync("/v1/gallery/", ("X-API-Key", key))).Status);
        Assert.Equal(401, (await api.GetAsync("/v1/gallery/")).Status);
        Assert.Equal(0, await service.TerminateAsync());
        Assert.DoesNotContain(key, service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_key_is_another() =>
        Assert.NotEqual((await RunAsync("key", "a")).Output, (await RunAsync("key", "a")).Output);

    [Theory]
    [InlineData]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a:b")]
    [InlineData("a,b")]
    [InlineData("-a")]
    [InlineData("å")]
    [InlineData("a\n")]
    [InlineData("1234567890123456789012345678901")]
    [InlineData("gallery_abc")]
    [InlineData("a", "b")]
    public async Task A_name_that_the_setting_does_not_take_makes_no_key(params string[] names)
    {
        var (exitCode, output, error) = await RunAsync(["key", .. names]);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.StartsWith("gallery: key takes one name", error, StringComparison.Ordinal);
    }

    private async Task StartAsync(string[] args, params string[] settings)
    {
        await using var source = NpgsqlDataSource.Create(other.Database.ConnectionString);
        await using var service = GalleryService.Build(source, Given.Settings(settings), [.. args, "--Logging:LogLevel:Default", "Critical"]);
        await service.StartAsync();
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll"), .. args])
        {
            WorkingDirectory = Path.GetTempPath(),   // no .env
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return await Within.RunAsync(start);
    }
}
