using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Tests.Migrations;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gallery.Tests.Embedded;

/// <summary>Which of several PostgreSQL installations is chosen. They are scripts that print a version.</summary>
public sealed class ProgramFinderTests : IDisposable
{
    private readonly TemporaryHome _machine = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Debian => Path.Combine(_machine.Path, "debian");

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task Programs_on_the_path_are_chosen_before_newer_ones_elsewhere()
    {
        var onPath = Install("usr/bin", 14);
        Install("debian/17/bin", 17);

        Assert.Equal($"{onPath} (initdb on the PATH)", (await FindAsync(onPath)).ToString());
    }

    [Fact]
    public async Task A_link_on_the_path_is_followed_to_where_all_programs_are()
    {
        var real = Install("opt/postgresql", 16);
        Directory.CreateDirectory(Path.Combine(_machine.Path, "links"));
        File.CreateSymbolicLink(Path.Combine(_machine.Path, "links", "initdb"), Path.Combine(real, "initdb"));

        Assert.Equal(real, (await FindAsync(Path.Combine(_machine.Path, "links"))).Folder);
    }

    [Fact]
    public async Task A_folder_without_all_three_programs_is_ignored()
    {
        var broken = Install("usr/bin", 17);
        File.Delete(Path.Combine(broken, "pg_ctl"));
        var whole = Install("debian/9.6/bin", 9);

        Assert.Equal(whole, (await FindAsync(broken)).Folder);
    }

    [Fact]
    public async Task The_newest_of_debians_is_found_by_number()
    {
        Install("debian/9.6/bin", 9);
        Install("debian/10/bin", 10);
        Assert.Equal(10, (await FindAsync()).Major);
    }

    [Fact]
    public async Task For_existing_data_the_programs_of_its_version_are_chosen()
    {
        var onPath = Install("usr/bin", 17);
        Install("debian/16/bin", 16);
        Install("debian/15/bin", 15);

        var found = await FindAsync(onPath, dataVersion: 15);
        Assert.Equal(15, found.Major);
        Assert.Contains("for data of version 15", found.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_setting_is_used_or_refused_but_never_ignored()
    {
        var set = Install("opt/postgresql", 16);
        var onPath = Install("usr/bin", 17);

        Assert.Equal($"{set} (GALLERY_POSTGRES_BIN)", (await FindAsync(onPath, set)).ToString());
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => FindAsync(onPath, set, dataVersion: 17));
        Assert.Contains("needs PostgreSQL 17, but GALLERY_POSTGRES_BIN", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_setting_without_initdb_is_refused_with_its_name_and_what_to_do()
    {
        var empty = Directory.CreateDirectory(Path.Combine(_machine.Path, "empty")).FullName;

        var refusal = await Assert.ThrowsAsync<SettingsException>(() => FindAsync(Install("usr/bin", 17), empty));
        Assert.StartsWith("GALLERY_POSTGRES_BIN lacks initdb", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Set it to a folder that has them", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("npm")]
    public async Task If_nothing_is_found_the_error_names_each_remedy(string? setting)
    {
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => FindAsync(setting: setting));

        foreach (var remedy in new[] { "Install PostgreSQL", "postgresql", "npm", "DATABASE_URL", "SUPABASE_DB_*", "GALLERY_POSTGRES_BIN" })
            Assert.Contains(remedy, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public async Task An_npm_that_fails_leaves_nothing_that_looks_like_programs()
    {
        var bin = Directory.CreateDirectory(Path.Combine(_machine.Path, "bin")).FullName;
        Script(Path.Combine(bin, "npm"), "echo 'npm error code E404'; echo 'npm error 404 Not Found'; exit 1");

        var refusal = await Assert.ThrowsAsync<SettingsException>(() => FindAsync(bin));
        Assert.Contains("npm could not install PostgreSQL (npm error 404 Not Found)", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<SettingsException>(() => FindAsync());
    }

    [Fact]
    public async Task A_package_from_npm_with_another_hash_is_refused()
    {
        var npm = Programs.Find("npm") ?? Programs.Missing("npm is not installed. On Debian: apt-get install npm.");
        await using var registry = await FakeRegistry.StartAsync();
        var bin = Directory.CreateDirectory(Path.Combine(_machine.Path, "bin")).FullName;
        Script(Path.Combine(bin, "npm"), $"npm_config_registry={registry.Address} npm_config_fetch_retries=0 exec {npm} \"$@\"");

        var refusal = await Assert.ThrowsAsync<SettingsException>(() => FindAsync(bin));

        Assert.True(registry.HasServedPackage);
        Assert.Contains("integrity checksum failed", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(_machine.Path, "*", SearchOption.AllDirectories), file => Path.GetFileName(file) == "initdb");
    }

    private async Task<PostgresPrograms> FindAsync(string searchPath = "", string? setting = null, int? dataVersion = null)
    {
        var user = await ServerUser.FindAsync(Ct);
        Directory.CreateDirectory(Path.Combine(_machine.Path, "home"));
        var home = await DataHome.OpenAsync(Path.Combine(_machine.Path, "home"), user, Ct);
        return await new ProgramFinder(new NpmPackage(home, user, searchPath, NullLogger.Instance), user, searchPath, Debian)
            .FindAsync(setting, dataVersion, home, Ct);
    }

    private string Install(string folder, int version)
    {
        folder = Directory.CreateDirectory(Path.Combine(_machine.Path, folder)).FullName;
        foreach (var name in new[] { "initdb", "postgres", "pg_ctl" })
            Script(Path.Combine(folder, name), $"echo '{name} (PostgreSQL) {version}.3 (made up)'");
        return folder;
    }

    private static void Script(string path, string text)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }
}
