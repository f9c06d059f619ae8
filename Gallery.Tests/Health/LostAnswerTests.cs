using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace Gallery.Tests.Health;

/// <summary>A statement that the database has committed, and whose answer is lost with the connection: what is run again, and what the caller is told.</summary>
public sealed class LostAnswerTests(TestServer server) : IAsyncLifetime
{
    private readonly Guid _id = Guid.NewGuid();
    private readonly Guid _warm = Guid.NewGuid();
    private TestDatabase _database = null!;
    private LosingRelay _relay = null!;
    private WebApplication _service = null!;
    private NpgsqlDataSource _source = null!;
    private Api _api = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { SslMode = SslMode.Disable };
        _relay = await LosingRelay.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", _relay.Port);
        (_service, _source, _api) = await TestService.StartAsync(connection.ConnectionString);
        // A connection on which the statements are prepared: the next answer is that of a statement.
        await _api.SaveAsync(_warm);
        await _api.GetAsync($"/v1/gallery/{_warm}/");
        await _api.DeleteAsync($"/v1/gallery/{_warm}/");
        await _api.PostAsync($"/v1/gallery/{_warm}/restore/");
        await _api.DeleteAsync($"/v1/gallery/{_warm}/permanent/");
    }

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
        await _relay.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_save_is_run_again_and_told_as_one_that_was_there_already()
    {
        var answer = await LosingAsync(() => _api.SaveAsync(_id, refinedPrompt: "a lighthouse"));

        Assert.Equal(200, answer.Status);
        Assert.Equal("Image already saved; nothing changed", (string?)answer.Body["message"]);
        Assert.Equal(1, (long)answer.Image["revision"]!);
    }

    [Fact]
    public async Task A_find_is_run_again()
    {
        await _api.SaveAsync(_id);

        Assert.Equal(200, (await LosingAsync(() => _api.GetAsync($"/v1/gallery/{_id}/"))).Status);
    }

    [Fact]
    public async Task A_deletion_and_a_restore_are_run_again_and_done_once()
    {
        await _api.SaveAsync(_id);

        var deleted = await LosingAsync(() => _api.DeleteAsync($"/v1/gallery/{_id}/"));
        Assert.Equal((200, 2L), (deleted.Status, (long)deleted.Image["revision"]!));
        Assert.NotNull(deleted.Image["deleted_at"]);
        var restored = await LosingAsync(() => _api.PostAsync($"/v1/gallery/{_id}/restore/"));
        Assert.Equal((200, 3L), (restored.Status, (long)restored.Image["revision"]!));
        Assert.Null(restored.Image["deleted_at"]);
    }

    [Fact]
    public async Task A_conditional_write_is_not_run_again_because_it_would_meet_its_own_change()
    {
        var tag = (await _api.SaveAsync(_id)).ETag!;

        var answer = await LosingAsync(() => _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/", null, ("If-Match", tag)));
        Assert.Equal((503, "database_unavailable"), (answer.Status, answer.Problem));
    }

    [Fact]
    public async Task A_purge_is_not_run_again_since_it_would_answer_that_its_image_never_was()
    {
        await _api.SaveAsync(_id);

        var answer = await LosingAsync(() => _api.DeleteAsync($"/v1/gallery/{_id}/permanent/"));
        Assert.Equal((503, "database_unavailable"), (answer.Status, answer.Problem));
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(0, await _database.FindAsync<long>("select count(*) from gallery.image"));
    }

    [Fact]
    public async Task Readiness_is_asked_again() => Assert.Equal(200, (await LosingAsync(() => _api.GetAsync("/readyz"))).Status);

    [Theory]
    [InlineData("40001", true, true)]
    [InlineData("40P01", true, true)]
    [InlineData("25006", true, true)]
    [InlineData("57P03", true, true)]
    [InlineData("23505", true, true)]
    [InlineData("23503", true, true)]
    [InlineData("57P01", true, false)]
    [InlineData("57P02", true, false)]
    [InlineData("08P01", true, false)]
    [InlineData("53100", false, false)]
    [InlineData("53300", false, false)]
    [InlineData("55P03", false, false)]
    [InlineData("57014", false, false)]
    [InlineData("23514", false, false)]
    public void What_is_worth_one_more_try_and_what_of_it_has_surely_had_no_effect(string sqlState, bool isWorthIt, bool isWithoutEffect)
    {
        var fault = new PostgresException("", "ERROR", "ERROR", sqlState);

        Assert.Equal((isWorthIt, isWithoutEffect), (TransientFault.IsWorthOneMoreTry(fault), TransientFault.IsWithoutEffect(fault)));
    }

    private async Task<Answer> LosingAsync(Func<Task<Answer>> request)
    {
        _relay.LoseNextAnswer();
        var answer = await request();
        Assert.True(_relay.HasLost);
        return answer;
    }
}
