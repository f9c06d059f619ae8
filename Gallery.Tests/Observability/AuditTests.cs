using Gallery.Tests.Access;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Observability;

/// <summary>The line that each permanent deletion leaves.</summary>
public sealed class AuditTests(AccessFixture fixture, TestServer server) : IClassFixture<AccessFixture>
{
    private const string Category = "Gallery.Audit";
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string Route = "route=/v1/gallery/{image_id:uuid}/permanent/";

    private static readonly (string, string) Key = ("X-API-Key", GuardedService.Key);

    [Theory]
    [InlineData("error")]
    [InlineData("info")]
    public async Task Each_permanent_deletion_leaves_one_line_with_who_and_what_at_every_level(string level)
    {
        await using var service = await StartAsync($"GALLERY_LOG_LEVEL={level}");
        var user = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123"));
        var (byKey, byUser) = (await SaveAsync(service, "owner_SECRET"), await SaveAsync(service, "user_123"));

        Assert.Equal(200, (await PurgeAsync(service, byKey, Key, ("traceparent", $"00-{TraceId}-b7ad6b7169203331-01"), ("X-Request-Id", "mine"))).Status);
        var answer = await PurgeAsync(service, byUser, user);
        Assert.Equal(200, answer.Status);

        Assert.Equal($"deleted id={byKey} {Route} caller=key:pipeline trace_id={TraceId} request_id=mine", service.Lines(Category)[0]);
        Assert.StartsWith($"deleted id={byUser} {Route} caller=user:user_123 trace_id=", service.Lines(Category)[1], StringComparison.Ordinal);
        Assert.EndsWith($" request_id={answer.Headers.GetValues("X-Request-Id").Single()}", service.Lines(Category)[1], StringComparison.Ordinal);
        Assert.Equal(2, service.Lines(Category).Count);
    }

    [Fact]
    public async Task What_deletes_nothing_permanently_leaves_none()
    {
        await using var service = await StartAsync("GALLERY_USERS_MAY_PURGE=true");
        await using var strict = await StartAsync("GALLERY_USERS_MAY_PURGE=false");
        var user = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123"));
        var (theirs, own) = (await SaveAsync(service, "another"), await SaveAsync(service, "user_123"));

        Assert.Equal(404, (await PurgeAsync(service, Guid.NewGuid(), Key)).Status);
        Assert.Equal(404, (await PurgeAsync(service, theirs, user)).Status);
        Assert.Equal(401, (await PurgeAsync(service, theirs)).Status);
        Assert.Equal(403, (await PurgeAsync(strict, own, user)).Status);
        Assert.Equal(412, (await PurgeAsync(service, own, Key, ("If-Match", "\"0-0\""))).Status);
        Assert.Equal(200, (await service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{own}/", null, Key)).Status);

        Assert.Empty(service.Lines(Category));
        Assert.Empty(strict.Lines(Category));
    }

    [Fact]
    public async Task A_batch_leaves_one_line_for_each_image_that_it_deleted_and_none_if_nothing_was_written()
    {
        await using var service = await StartAsync();
        var (first, second) = (await SaveAsync(service, "user_123"), await SaveAsync(service, "user_123"));
        Task<Answer> Purge(string more) => service.Api.PostAsync(
            "/v1/gallery/batch/permanent/", $$"""{"image_ids":["{{first}}","{{Guid.NewGuid()}}","{{second}}","{{first}}"]{{more}}}""", Key);

        Assert.Equal(200, (await Purge(""","dry_run":true""")).Status);
        Assert.Equal(409, (await Purge(""","mode":"all" """)).Status);
        Assert.Empty(service.Lines(Category));

        Assert.Equal(200, (await Purge("")).Status);
        var third = await SaveAsync(service, "user_123");
        Assert.Equal(200, (await service.Api.PostAsync("/v1/gallery/batch/permanent/", $$"""{"image_ids":["{{third}}","{{third}}"],"mode":"all"}""", Key)).Status);
        Assert.Equal(
            new[] { first, second, third }.Order().Select(id => $"deleted id={id} route=/v1/gallery/batch/permanent/ caller=key:pipeline "),
            service.Lines(Category).Select(line => line[..line.IndexOf("trace_id", StringComparison.Ordinal)]).OrderBy(line => Guid.Parse(line[11..47])));
    }

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task Deletions_that_share_a_statement_leave_one_line_each(string coalescing)
    {
        await using var service = await StartAsync($"GALLERY_COALESCING={coalescing}");
        var ids = new List<Guid>();
        while (ids.Count < 60) ids.Add(await SaveAsync(service, "user_123"));   // one after the other, because without sharing so many at once are slow

        await Task.WhenAll(ids.Concat(ids).Select(id => PurgeAsync(service, id, Key)));   // each is deleted by one of the two

        Assert.Equal(ids.Order().Select(id => $"deleted id={id} "), service.Lines(Category).Select(line => line[..line.IndexOf("route", StringComparison.Ordinal)]).OrderBy(line => Guid.Parse(line[11..47])));
    }

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task A_deletion_whose_caller_has_left_leaves_its_line(string coalescing)
    {
        await using var service = await StartAsync($"GALLERY_COALESCING={coalescing}", "GALLERY_ACCESS_LOG=on");
        var id = await SaveAsync(service, "user_123");
        await using (var table = await TableLock.TakeAsync(fixture.Database))
        {
            using (var connection = await Limits.RawConnection.OpenAsync(service.Api.Address))
            {
                await connection.SendAsync($"DELETE /v1/gallery/{id}/permanent/ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {GuardedService.Key}\r\n\r\n");
                await table.WaitForWaiterAsync();
            }

            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (!service.Lines("Gallery.Access").Any(line => line.Contains("status=499", StringComparison.Ordinal))) await Task.Delay(10, patience.Token);
            Assert.Empty(service.Lines(Category));
        }

        await WaitAsync(service);
        Assert.StartsWith($"deleted id={id} {Route} caller=key:pipeline ", service.Lines(Category).Single(), StringComparison.Ordinal);
        Assert.Equal(404, (await PurgeAsync(service, id, Key)).Status);
    }

    [Fact]
    public async Task A_deletion_whose_answer_the_database_lost_leaves_a_line_that_says_so()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString) { SslMode = SslMode.Disable };
        await using var relay = await LosingRelay.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", relay.Port);
        await using var service = await ObservedService.StartAsync(connection.ConnectionString);
        await service.Api.DeleteAsync($"/v1/gallery/{Guid.NewGuid()}/permanent/");   // the statement is prepared: the next answer is its outcome
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id);
        Assert.Empty(service.Lines(Category));

        relay.LoseNextAnswer();
        Assert.Equal(503, (await service.Api.DeleteAsync($"/v1/gallery/{id}/permanent/")).Status);

        Assert.True(relay.HasLost);
        Assert.Equal(0, await database.FindAsync<long>("select count(*) from gallery.image"));
        Assert.StartsWith($"may have deleted id={id} {Route} caller=anonymous ", service.Lines(Category).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_surely_was_not_done_leaves_none()
    {
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString);   // gallery_app's lock_timeout
        await using var away = await ObservedService.StartAsync("Host=127.0.0.1;Port=1;Username=nobody;Database=nothing");
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id);
        Assert.Equal(503, (await away.Api.DeleteAsync($"/v1/gallery/{id}/permanent/")).Status);
        await using (await TableLock.TakeAsync(fixture.Database))
            Assert.Equal((503, "database_timeout"), await service.Api.DeleteAsync($"/v1/gallery/{id}/permanent/") is var answer ? (answer.Status, answer.Problem) : default);

        Assert.Empty(away.Lines(Category));
        Assert.Empty(service.Lines(Category));
    }

    private Task<ObservedService> StartAsync(params string[] settings) => ObservedService.StartAsync(
        new NpgsqlConnectionStringBuilder(fixture.Database.ConnectionString) { Options = "-c lock_timeout=0" }.ConnectionString,
        [GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}", .. settings]);

    private static async Task<Guid> SaveAsync(ObservedService service, string userId)
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await service.Api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{userId}}","image_url":"{{Api.UrlOf(id)}}","refined_prompt":"SECRET"}""", Key)).Status);
        return id;
    }

    private static Task<Answer> PurgeAsync(ObservedService service, Guid id, params (string, string)[] headers) =>
        service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/permanent/", null, headers);

    private static async Task WaitAsync(ObservedService service)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (service.Lines(Category).Count == 0) await Task.Delay(10, patience.Token);
    }
}
