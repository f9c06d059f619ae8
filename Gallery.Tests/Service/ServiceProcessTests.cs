using System.Net;
using System.Net.Sockets;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Service;

/// <summary>The service as a process: how it starts, refuses to, and ends.</summary>
public sealed class ServiceProcessTests(TestService other) : IClassFixture<TestService>
{
    private const string AnyPort = "http://127.0.0.1:0";

    private readonly TestDatabase _database = other.Database;
    private readonly NpgsqlConnectionStringBuilder _connection = new(other.Database.ConnectionString);

    [Theory]
    [InlineData("SUPABASE_DB_HOST", "SUPABASE_DB_PASSWORD=hunter2")]
    [InlineData("SUPABASE_DB_HOST", "SUPABASE_DB_HOST=postgres:hunter2@h")]
    [InlineData("SUPABASE_DB_PORT", "SUPABASE_DB_HOST=h", "SUPABASE_DB_PASSWORD=hunter2", "SUPABASE_DB_PORT=five")]
    [InlineData("SUPABASE_DB_SSLMODE", "SUPABASE_DB_HOST=h", "SUPABASE_DB_PASSWORD=hunter2", "SUPABASE_DB_SSLMODE=on")]
    [InlineData("DATABASE_URL", "SUPABASE_DB_HOST=h", "DATABASE_URL=postgresql://u:hunter2@h/d")]
    [InlineData("DATABASE_URL", "DATABASE_URL=postgresql://u:123?hunter2@h/d")]
    [InlineData("DATABASE_URL", "DATABASE_URL=Host=h;Password=hunter2;Port=five")]
    [InlineData("SUPABASE_DB_HOSTNAME", "SUPABASE_DB_HOSTNAME=h", "SUPABASE_DB_PASSWORD=hunter2")]
    [InlineData("GALLERY_POOLER", "DATABASE_URL=postgresql://u:hunter2@h/d", "GALLERY_POOLER=hunter")]
    public Task A_setting_that_can_not_be_used_ends_the_start_with_its_name(string named, params string[] settings) =>
        RefusesAsync(AnyPort, settings, named);

    [Fact]
    public Task Coalescing_that_is_neither_on_nor_off_is_named() =>
        RefusesAsync(AnyPort, [.. OnDatabase(), "GALLERY_COALESCING=perhaps"], "GALLERY_COALESCING", "perhaps");

    [Fact]
    public Task A_setting_of_the_service_that_can_not_be_used_ends_the_start_with_its_name() =>
        RefusesAsync(AnyPort, [.. OnDatabase(), "GALLERY_IMAGE_HOSTS=https://pictures.example.com"], "GALLERY_IMAGE_HOSTS", "https://pictures.example.com");

    [Fact]
    public async Task A_dot_env_that_can_not_be_read_ends_the_start_with_the_name_of_the_line()
    {
        await using var service = new ServiceProcess(AnyPort, "SUPABASE_DB_PASSWORD=\"hunter2");

        await HasRefusedAsync(service, ".env", "SUPABASE_DB_PASSWORD");
    }

    [Fact]
    public async Task A_database_that_nothing_listens_for_is_named_by_its_address()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));   // ours, and not listening
        var address = bound.LocalEndPoint!.ToString()!;

        await RefusesAsync(AnyPort, [$"DATABASE_URL=postgresql://u:hunter2@{address}/d"], address, "Check host and port");
    }

    [Fact]
    public async Task A_sign_in_that_the_database_refuses_names_the_user_and_the_settings()
    {
        // To a client an unknown role and a wrong password are the same; the first is refused whatever the server's rules.
        var user = $"gallery_nobody_{Guid.NewGuid():N}";

        await RefusesAsync(AnyPort, [.. OnDatabase(user: user, password: "hunter2")], _connection.DescribeServers(), user, "SUPABASE_DB_PASSWORD");
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_named()
    {
        var name = $"gallery_none_{Guid.NewGuid():N}";

        await RefusesAsync(AnyPort, [.. OnDatabase(name: name)], _connection.DescribeServers(), name, "SUPABASE_DB_NAME");
    }

    [Fact]
    public async Task A_taken_port_is_named_with_the_way_to_another()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://{taken.LocalEndpoint}";

        await RefusesAsync(address, [.. OnDatabase()], address, "--urls");
    }

    [Theory]
    [InlineData("localhost:9999")]
    [InlineData("http://localhost:99999")]
    [InlineData("http://localhost:9999x")]
    [InlineData("ftp://localhost:9999")]
    [InlineData("https://localhost:9999")]
    [InlineData("http://localhost:9999/gallery")]
    [InlineData("http://127.0.0.1:0;nowhere")]
    [InlineData("http://192.0.2.1:9999")]
    public Task An_address_that_can_not_be_listened_on_is_named_with_the_way_to_another(string urls) =>
        RefusesAsync(urls, [.. OnDatabase()], urls, "--urls", "http://");

    [Fact]
    public async Task The_working_directorys_dot_env_is_read_and_the_environment_wins()
    {
        string[] file = [.. OnDatabase(name: "gallery_none"), $"ASPNETCORE_URLS={AnyPort}", "GALLERY_POOLER=nonsense", "GALLERY_IMAGE_HOSTS='pictures.example.com'"];
        await using var service = new ServiceProcess(urls: null, string.Join('\n', file), $"SUPABASE_DB_NAME={_database.Name}", "GALLERY_POOLER=");
        using var api = new Api(await service.WaitForServingAsync());
        Assert.NotEqual(9999, api.Address.Port);
        var imageId = Guid.NewGuid();

        var saved = await api.SaveAsync(imageId, imageUrl: $"https://pictures.example.com/image/upload/{imageId}.jpg");

        Assert.Equal(201, saved.Status);
    }

    [Fact]
    public async Task It_serves_the_database_that_the_settings_name_and_ends_in_order_when_told_to()
    {
        await using var service = new ServiceProcess(AnyPort, dotEnv: null, OnDatabase());
        using var api = new Api(await service.WaitForServingAsync());
        var imageId = Guid.NewGuid();

        Assert.Equal(200, (await api.GetAsync("/readyz")).Status);
        Assert.Equal(201, (await api.SaveAsync(imageId, refinedPrompt: "a lighthouse")).Status);
        Assert.Equal("a lighthouse", (string?)(await api.GetAsync($"/v1/gallery/{imageId}/")).Image["refined_prompt"]);
        Assert.Equal("a lighthouse", await _database.FindAsync<string>("select refined_prompt from gallery.image where image_id = @imageId", new { imageId }));

        Assert.Equal(0, await service.TerminateAsync());
        Assert.Empty(service.Errors);
        Assert.Contains(_connection.DescribeServers(), service.Output, StringComparison.Ordinal);
        if (_connection.Password is { Length: > 8 } password) Assert.DoesNotContain(password, service.Output, StringComparison.Ordinal);
    }

    private IEnumerable<string> OnDatabase(string? name = null, string? user = null, string? password = null) =>
    [
        $"SUPABASE_DB_HOST={_connection.Host}",
        $"SUPABASE_DB_PORT={_connection.Port}",
        $"SUPABASE_DB_NAME={name ?? _database.Name}",
        $"SUPABASE_DB_USER={user ?? _connection.Username}",
        $"SUPABASE_DB_PASSWORD={password ?? _connection.Password}",
        "SUPABASE_DB_SSLMODE=prefer",
    ];

    private static async Task RefusesAsync(string urls, string[] settings, params string[] named)
    {
        await using var service = new ServiceProcess(urls, dotEnv: null, settings);
        await HasRefusedAsync(service, named);
    }

    /// <summary>Ends with an error's exit code and one line that names all these, and no password.</summary>
    private static async Task HasRefusedAsync(ServiceProcess service, params string[] named)
    {
        Assert.InRange(await service.WaitForExitAsync(), 1, 9);
        var line = Assert.Single(service.Errors);

        Assert.StartsWith("gallery: ", line, StringComparison.Ordinal);
        Assert.All(named, name => Assert.Contains(name, line, StringComparison.Ordinal));
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
        Assert.Equal("", service.Output);
    }
}
