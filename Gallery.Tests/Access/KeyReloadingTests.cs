using System.Diagnostics;
using Gallery.Service.Access;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Access;

/// <summary>The file of the service keys: what it may contain, and how its changes arrive.</summary>
public sealed class KeyReloadingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-keys-").FullName;
    private readonly Clock _clock = new();
    private readonly WarningLog _log = new();

    private string File => Path.Combine(_folder, "keys");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_has_entries_on_lines_or_between_commas_and_comments()
    {
        Write($"# all keys\n\n{Entry("one")}  # the first\r\n{Entry("two")},{Entry("three")}\n#{Entry("four")}\n");
        var keys = ServiceKeys.Find(FromFile)!;

        Assert.Equal(["key:one", "key:two", "key:three"], new[] { "one", "two", "three" }.Select(key => keys.Find(key)?.Name));
        Assert.Null(keys.Find("four"));
    }

    [Fact]
    public void A_changed_file_adds_and_revokes_keys()
    {
        Write(Entry("one"));
        var keys = ServiceKeys.Find(FromFile)!;
        Write($"{Entry("two")}\n");
        Reloading(keys).Reload(isWhole: true);

        Assert.Null(keys.Find("one"));
        Assert.NotNull(keys.Find("two"));
        Assert.Empty(_log.Written);
    }

    [Fact]
    public void A_new_hash_under_the_same_name_is_a_change()
    {
        Write(Entry("one"));
        var keys = ServiceKeys.Find(FromFile)!;
        Write($"one:{GuardedService.Hash("new")}");
        Reloading(keys).Reload(isWhole: true);

        Assert.Null(keys.Find("one"));
        Assert.Equal("key:one", keys.Find("new")?.Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# none\n")]
    [InlineData("hunter2")]
    [InlineData("two:hunter2")]
    [InlineData(null)]
    public void A_bad_file_keeps_the_keys_and_is_logged_once_a_minute_without_its_text(string? text)
    {
        Write(Entry("one"));
        var keys = ServiceKeys.Find(FromFile)!;
        var reloading = Reloading(keys);
        if (text is null) System.IO.File.Delete(File);
        else Write(text);

        for (var second = 0; second < 60; second++)
        {
            reloading.Reload(isWhole: true);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        var line = Assert.Single(_log.Written);
        Assert.StartsWith("The service keys stay as they were. GALLERY_API_KEYS_FILE", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
        Assert.NotNull(keys.Find("one"));

        reloading.Reload(isWhole: true);
        Assert.Equal(2, _log.Written.Count);
        Write(Entry("two"));
        reloading.Reload(isWhole: true);
        Assert.NotNull(keys.Find("two"));

        if (text is not null) Write(text);
        else System.IO.File.Delete(File);
        reloading.Reload(isWhole: true);
        Assert.Equal(2, _log.Written.Count);
    }

    [Fact]
    public void A_file_that_is_still_being_written_is_not_used()
    {
        Write($"{Entry("one")}\n{Entry("two")}\n");
        var keys = ServiceKeys.Find(FromFile)!;
        var reloading = Reloading(keys);
        Write($"{Entry("one")}\n");
        reloading.Reload(isWhole: false);
        Write($"{Entry("one")}\n{Entry("three")}\n");
        reloading.Reload(isWhole: false);
        Assert.NotNull(keys.Find("two"));

        reloading.Reload(isWhole: false);
        Assert.Null(keys.Find("two"));
        Assert.NotNull(keys.Find("three"));
    }

    private IConfiguration FromFile => Given.Settings($"GALLERY_API_KEYS_FILE={File}");

    private void Write(string text) => System.IO.File.WriteAllText(File, text);

    private static string Entry(string key) => $"{key}:{GuardedService.Hash(key)}";

    private KeyReloading Reloading(ServiceKeys keys) => new(keys, FromFile, _clock, new Logger<KeyReloading>(new LoggerFactory([_log])));
}

/// <summary>The same in a process.</summary>
public sealed class KeyFileTests(TestService other) : IClassFixture<TestService>
{
    [Fact]
    public async Task A_key_comes_and_goes_without_a_restart_when_the_mounted_secret_changes()
    {
        // As Kubernetes mounts a secret: keys → ..data/keys, and ..data → a folder that is replaced.
        var folder = Directory.CreateTempSubdirectory("gallery-keys-").FullName;
        Mount(folder, "first", $"a:{GuardedService.Hash("one")}\n");
        System.IO.File.CreateSymbolicLink(Path.Combine(folder, "keys"), Path.Combine("..data", "keys"));
        await using var service = new ServiceProcess(
            "http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={other.Database.ConnectionString}", $"GALLERY_API_KEYS_FILE={Path.Combine(folder, "keys")}");
        using var api = new Api(await service.WaitForServingAsync());
        Assert.Equal(200, await StatusAsync(api, "one"));

        Mount(folder, "second", $"a:{GuardedService.Hash("two")}\n");
        await service.WaitForLogAsync("The service keys have changed. Current keys: key:a");

        Assert.Equal((401, 200), (await StatusAsync(api, "one"), await StatusAsync(api, "two")));
        Assert.Equal(0, await service.TerminateAsync());
        Assert.DoesNotContain(GuardedService.Hash("two"), service.Output, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(ServiceProcess.Credentials)]
    [InlineData("SUPABASE_URL=https://x.supabase.co")]
    [InlineData("GALLERY_ALLOW_ANONYMOUS=true")]
    public async Task SIGHUP_ends_no_service(string setting)
    {
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={other.Database.ConnectionString}", setting);
        using var api = new Api(await service.WaitForServingAsync());

        for (var i = 0; i < 3; i++)
        {
            using var kill = Process.Start("sh", ["-c", $"kill -HUP {service.Id}"]);
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(200, (await api.GetAsync("/livez")).Status);
        }

        Assert.Equal(0, await service.TerminateAsync());
    }

    private static async Task<int> StatusAsync(Api api, string key) => (await api.GetAsync("/v1/gallery/", ("X-API-Key", key))).Status;

    private static void Mount(string folder, string version, string text)
    {
        Directory.CreateDirectory(Path.Combine(folder, version));
        System.IO.File.WriteAllText(Path.Combine(folder, version, "keys"), text);
        System.IO.File.CreateSymbolicLink(Path.Combine(folder, "..new"), version);
        using var swap = Process.Start("mv", ["-T", Path.Combine(folder, "..new"), Path.Combine(folder, "..data")]);
        swap.WaitForExit();
    }
}
