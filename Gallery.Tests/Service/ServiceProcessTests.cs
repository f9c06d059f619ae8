using System.Net;
using System.Net.Sockets;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Service;

/// <summary>The service as a process: how it starts, refuses to, and ends.</summary>
public sealed class ServiceProcessTests(TestService other, TestServer server) : IClassFixture<TestService>
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
    [InlineData("GALLERY_POOLER", "GALLERY_DATABASE=embedded", "GALLERY_POOLER=hunter")]
    [InlineData("GALLERY_MAX_QUEUE", "GALLERY_DATABASE=embedded", "GALLERY_MAX_QUEUE=many")]
    [InlineData("GALLERY_METRICS", "GALLERY_DATABASE=embedded", "GALLERY_METRICS=perhaps")]
    [InlineData("GALLERY_API_KEYS", "GALLERY_DATABASE=embedded", "GALLERY_API_KEYS=hunter2")]
    [InlineData("GALLERY_COALESCING", "GALLERY_DATABASE=embedded", "GALLERY_COALESCING=perhaps")]
    [InlineData("GALLERY_RATE_LIMIT?", "GALLERY_RATE_LIMITT=5")]
    [InlineData("PORT", "GALLERY_DATABASE=embedded", "ASPNETCORE_URLS=", "PORT=eighty")]
    public Task A_setting_that_cannot_be_used_ends_the_start_with_its_name(string named, params string[] settings) =>
        RefusesAsync(named == "PORT" ? null : AnyPort, settings, named);

    [Theory]
    [InlineData("GALLERY_API_KEYS is set", AnyPort, ServiceProcess.Credentials)]
    [InlineData("SUPABASE_URL is set", AnyPort, "SUPABASE_URL=https://x.supabase.co")]
    [InlineData("other machines can reach http://*:0", "http://127.0.0.1:0;http://*:0", "GALLERY_ALLOW_ANONYMOUS=true")]
    [InlineData("other machines can reach http://*:0", null, "GALLERY_ALLOW_ANONYMOUS=true", "ASPNETCORE_HTTP_PORTS=0")]
    [InlineData("other machines can reach http://*:9999", null, "GALLERY_ALLOW_ANONYMOUS=true", "PORT=9999")]
    [InlineData("the service runs in a container", AnyPort, "DOTNET_RUNNING_IN_CONTAINER=true")]
    public Task Without_a_database_a_deployment_gets_no_private_one_and_learns_the_ways_out(string why, string? urls, params string[] settings) =>
        RefusesAsync(urls, settings, "No database is set", why, "SUPABASE_DB_HOST", "DATABASE_URL", "GALLERY_DATABASE=embedded");

    [Fact]
    public Task Coalescing_that_is_neither_on_nor_off_is_named() =>
        RefusesAsync(AnyPort, [.. OnDatabase(), "GALLERY_COALESCING=perhaps"], "GALLERY_COALESCING takes on or off.");

    [Fact]
    public Task A_setting_of_the_service_that_cannot_be_used_ends_the_start_with_its_name() =>
        RefusesAsync(AnyPort, [.. OnDatabase(), "GALLERY_IMAGE_HOSTS=https://pictures.example.com"], "GALLERY_IMAGE_HOSTS: entry 1 is not a host name.");

    [Fact]
    public async Task A_dot_env_that_cannot_be_read_ends_the_start_with_the_name_of_the_line()
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

        await IsNotReadyAsync([$"DATABASE_URL=postgresql://u:hunter2@{address}/d"], address, "Check host and port");
    }

    [Fact]
    public async Task A_sign_in_that_the_database_refuses_names_the_user_and_the_settings()
    {
        // To a client an unknown role and a wrong password are the same; the first is refused whatever the server's rules.
        var user = $"gallery_nobody_{Guid.NewGuid():N}";

        await IsNotReadyAsync([.. OnDatabase(user: user, password: "hunter2")], _connection.DescribeServers(), user, "SUPABASE_DB_PASSWORD");
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_named()
    {
        var name = $"gallery_none_{Guid.NewGuid():N}";

        await IsNotReadyAsync([.. OnDatabase(name: name)], _connection.DescribeServers(), name, "SUPABASE_DB_NAME");
    }

    [Fact]
    public async Task A_database_that_cannot_store_every_text_is_not_ready()
    {
        var name = $"gallery_latin1_{Guid.NewGuid():N}";
        await server.ExecuteAsync($"create database {name} template template0 encoding 'LATIN1' locale 'C'");

        await IsNotReadyAsync([.. OnDatabase(name: name)], name, "LATIN1", "encoding 'UTF8'");

        await server.ExecuteAsync($"drop database {name} with (force)");
    }

    [Fact]
    public async Task A_database_that_comes_up_later_is_served_then()
    {
        await using var valve = await Valve.OpenAsync(_connection.Host!, _connection.Port);
        valve.Shut();
        var connection = new NpgsqlConnectionStringBuilder(_connection.ConnectionString) { Host = "127.0.0.1", Port = valve.Port, Pooling = true };
        await using var service = new ServiceProcess(AnyPort, dotEnv: null, $"DATABASE_URL={connection.ConnectionString}");
        using var api = new Api(await service.WaitForServingAsync());
        await service.WaitForLogAsync("Not ready: ");
        Assert.Equal(200, (await api.GetAsync("/livez")).Status);
        for (var i = 0; i < 20; i++) Assert.Equal(503, (await api.GetAsync("/readyz")).Status);
        Assert.Single(service.Output.Split('\n'), line => line.Contains("database_unavailable", StringComparison.Ordinal) || line.Contains("Not ready", StringComparison.Ordinal));

        valve.Open();
        await service.WaitForLogAsync("Ready: ");   // though nobody asks

        Assert.Equal(200, (await api.GetAsync("/readyz")).Status);
        Assert.Equal(0, await service.TerminateAsync());
    }

    [Fact]
    public async Task The_port_that_a_platform_sets_is_listened_on_for_others()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await using var service = new ServiceProcess(urls: null, dotEnv: null, [.. OnDatabase(), $"PORT={port}", "ASPNETCORE_HTTP_PORTS=1", ServiceProcess.Credentials]);
        await service.WaitForServingAsync();

        using var api = new Api(new Uri($"http://127.0.0.1:{port}"));
        Assert.Equal(200, (await api.GetAsync("/livez")).Status);
        Assert.Contains($"Gallery serves http://[::]:{port} ", service.Output, StringComparison.Ordinal);
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
    public Task An_address_that_cannot_be_listened_on_is_refused_with_the_form_of_one(string urls) =>
        RefusesAsync(urls, [.. OnDatabase()], "--urls", "http://localhost:9999");

    [Fact]
    public async Task The_working_directorys_dot_env_is_read_and_the_environment_wins()
    {
        string[] file = [.. OnDatabase(name: "gallery_none"), $"ASPNETCORE_URLS={AnyPort}", "GALLERY_POOLER=nonsense", "GALLERY_IMAGE_HOSTS='pictures.example.com'"];
        await using var service = new ServiceProcess(urls: null, string.Join('\n', file), $"SUPABASE_DB_NAME={_database.Name}", "GALLERY_POOLER=");
        using var api = new Api(await service.WaitForServingAsync());
        Assert.Matches(@"\A.*The \.env that was read: /.*/\.env\n", service.Output);
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
        Assert.Contains("The .env that was read: none", service.Output, StringComparison.Ordinal);
        Assert.Contains(_connection.DescribeServers(), service.Output, StringComparison.Ordinal);
        if (_connection.Password is { Length: > 8 } password) Assert.DoesNotContain(password, service.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SUPABASE_DB_PASSWORD_FILE", "")]
    [InlineData("PGPASSFILE", "*:*:*:*:")]
    public async Task The_password_may_be_in_a_file(string setting, string before)
    {
        var path = Path.GetTempFileName();   // only its user can read it, as PGPASSFILE demands
        await File.WriteAllTextAsync(path, $"{before}{_connection.Password}\n", TestContext.Current.CancellationToken);
        await using var service = new ServiceProcess(AnyPort, dotEnv: null, [.. OnDatabase(password: ""), $"{setting}={path}"]);
        using var api = new Api(await service.WaitForServingAsync());

        Assert.Equal(200, (await api.GetAsync("/readyz")).Status);
        Assert.Equal(0, await service.TerminateAsync());
        File.Delete(path);
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

    /// <summary>Serves, is not ready for a reason that the log has in one line with all these and no password, and ends in order.</summary>
    private static async Task IsNotReadyAsync(string[] settings, params string[] named)
    {
        await using var service = new ServiceProcess(AnyPort, dotEnv: null, settings);
        using var api = new Api(await service.WaitForServingAsync());
        await service.WaitForLogAsync("Not ready: ");

        Assert.Equal(200, (await api.GetAsync("/livez")).Status);
        var answer = await api.GetAsync("/readyz");
        Assert.Equal(503, answer.Status);
        Assert.NotNull(answer.Headers.RetryAfter);
        var line = service.Output.Split('\n').First(line => line.Contains("Not ready: ", StringComparison.Ordinal));
        Assert.All(named, name => Assert.Contains(name, line, StringComparison.Ordinal));
        Assert.Equal(0, await service.TerminateAsync());
        Assert.Empty(service.Errors);
        Assert.DoesNotContain("hunter2", service.Output, StringComparison.Ordinal);
    }

    private static async Task RefusesAsync(string? urls, string[] settings, params string[] named)
    {
        await using var service = new ServiceProcess(urls, dotEnv: null, settings);
        await HasRefusedAsync(service, named);
    }

    /// <summary>Ends with an error's exit code and one line that names all these, and no password, before anything has started.</summary>
    private static async Task HasRefusedAsync(ServiceProcess service, params string[] named)
    {
        Assert.InRange(await service.WaitForExitAsync(), 1, 9);
        var line = Assert.Single(service.Errors);

        Assert.StartsWith("gallery: ", line, StringComparison.Ordinal);
        Assert.All(named, name => Assert.Contains(name, line, StringComparison.Ordinal));
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("PostgreSQL", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", service.Output, StringComparison.Ordinal);
    }
}
