using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Tests.Embedded;
using Gallery.Tests.Migrations;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gallery.Tests.Reliability;

/// <summary>The tests that load the service. They run alone and one after the other, because they measure.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class UnderLoad : ICollectionFixture<DurableServers>;

/// <summary>The programs for servers with faults, and one shared server for the tests that leave it unchanged.</summary>
public sealed class DurableServers : IAsyncLifetime
{
    private readonly TemporaryHome _programsHome = new();
    private PostgresPrograms? _programs;
    private string _missing = "";
    private ServerUser _user = null!;
    private DurableServer? _shared;

    public async ValueTask InitializeAsync()
    {
        var ct = TestContext.Current.CancellationToken;
        var searchPath = Environment.GetEnvironmentVariable("PATH");
        _user = await ServerUser.FindAsync(ct);
        var home = await DataHome.OpenAsync(_programsHome.Path, _user, ct);
        var finder = new ProgramFinder(new NpmPackage(home, _user, searchPath, NullLogger.Instance), _user, searchPath);
        try
        {
            _programs = await finder.FindAsync(Environment.GetEnvironmentVariable("GALLERY_POSTGRES_BIN"), dataVersion: null, home, ct);
        }
        catch (SettingsException e)
        {
            _missing = e.Message;
        }
    }

    internal async Task<DurableServer> ShareAsync() => _shared ??= await StartAsync();

    internal Task<DurableServer> StartAsync()
    {
        if (_programs is null) Programs.Missing(_missing);
        return DurableServer.StartAsync(_programs, _user);
    }

    public async ValueTask DisposeAsync()
    {
        if (_shared is not null) await _shared.DisposeAsync();
        _programsHome.Dispose();
    }
}
