using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Limits;

/// <summary>Who waits for the database, and who is turned away.</summary>
public sealed class QueueTests(TestService other) : IClassFixture<TestService>
{
    [Fact]
    public async Task As_many_saves_wait_as_may_and_the_others_are_503_at_once()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_QUEUE=2");
        Guid[] ids = [Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid()];   // a lane, and two spare ones
        foreach (var id in ids) await other.Api.SaveAsync(id);
        var first = new List<Task<Answer>>();
        Task<Answer>[] more;
        await using (var locks = await LockAsync(ids))
        {
            foreach (var id in ids)
            {
                first.Add(service.Api.SaveAsync(id, refinedPrompt: "on its way"));
                await locks.WaitForThoseWhoWaitAsync(first.Count);
            }

            more = [.. Enumerable.Range(0, 5).Select(_ => service.Api.SaveAsync(Guid.NewGuid()))];
            while (more.Count(answer => answer.IsCompleted) < 3) await Task.WhenAny(more.Where(answer => !answer.IsCompleted));
        }

        Assert.Equal([200, 200, 200], (await Task.WhenAll(first)).Select(answer => answer.Status));
        var answers = await Task.WhenAll(more);
        Assert.Equal([201, 201, 503, 503, 503], answers.Select(answer => answer.Status).Order());
        Assert.All(answers.Where(answer => answer.Status == 503), answer => Assert.Equal(("overloaded", true), (answer.Problem, answer.Headers.RetryAfter is not null)));
    }

    [Fact]
    public async Task A_save_that_waits_for_a_lock_does_not_hold_up_the_others()
    {
        var id = Guid.NewGuid();
        await other.Api.SaveAsync(id);
        Task<Answer> held;
        await using (var lockOnIt = await LockAsync(id))
        {
            held = other.Api.SaveAsync(id, refinedPrompt: "on its way");
            await lockOnIt.WaitForThoseWhoWaitAsync(1);
            var free = await other.Api.SaveAsync(Guid.NewGuid());

            Assert.Equal(201, free.Status);
            Assert.False(held.IsCompleted);
        }

        Assert.Equal(200, (await held).Status);
    }

    [Fact]
    public async Task Deletions_and_restores_of_two_locked_images_hold_up_no_others()
    {
        await using var service = await LimitedService.StartAsync(other.Database, pool: 6);
        Guid[] locked = [Guid.NewGuid(), Guid.NewGuid()];
        var (found, deleted) = (Guid.NewGuid(), Guid.NewGuid());
        foreach (var id in new[] { locked[0], locked[1], found, deleted }) await other.Api.SaveAsync(id);
        Task<Answer>[] held;
        await using (var lockOnIt = await LockAsync(locked))
        {
            held = [.. Enumerable.Range(0, 20).Select(i => i % 4 < 2
                ? service.Api.DeleteAsync($"/v1/gallery/{locked[i % 2]}/") : service.Api.PostAsync($"/v1/gallery/{locked[i % 2]}/restore/"))];
            await lockOnIt.WaitForThoseWhoWaitAsync(2);
            var others = await Task.WhenAll(service.Api.GetAsync($"/v1/gallery/{found}/"), service.Api.DeleteAsync($"/v1/gallery/{deleted}/"), service.Api.SaveAsync(Guid.NewGuid()));

            Assert.Equal([200, 200, 201], others.Select(answer => answer.Status));
            Assert.DoesNotContain(held, answer => answer.IsCompleted && answer.Result.Status >= 500);
        }

        Assert.All(await Task.WhenAll(held), answer => Assert.Equal(200, answer.Status));
    }

    [Fact]
    public async Task Purges_of_two_locked_images_hold_up_no_others()
    {
        await using var service = await LimitedService.StartAsync(other.Database, pool: 6);
        Guid[] locked = [Guid.NewGuid(), Guid.NewGuid()];
        var (found, purged) = (Guid.NewGuid(), Guid.NewGuid());
        foreach (var id in new[] { locked[0], locked[1], found, purged }) await other.Api.SaveAsync(id);
        Task<Answer>[] held;
        await using (var lockOnIt = await LockAsync(locked))
        {
            held = [.. Enumerable.Range(0, 20).Select(i => service.Api.DeleteAsync($"/v1/gallery/{locked[i % 2]}/permanent/"))];
            await lockOnIt.WaitForThoseWhoWaitAsync(2);
            var others = await Task.WhenAll(service.Api.GetAsync($"/v1/gallery/{found}/"), service.Api.DeleteAsync($"/v1/gallery/{purged}/permanent/"));

            Assert.Equal([200, 200], others.Select(answer => answer.Status));
            Assert.DoesNotContain(held, answer => answer.IsCompleted && answer.Result.Status >= 500);
        }

        var answers = (await Task.WhenAll(held)).Select(answer => answer.Status).Order();
        Assert.Equal([200, 200, .. Enumerable.Repeat(404, 18)], answers);
    }

    [Fact]
    public async Task One_more_than_the_pool_has_connections_waits_for_one()
    {
        await using var service = await LimitedService.StartAsync(other.Database, pool: 1);
        var id = Guid.NewGuid();
        await other.Api.SaveAsync(id);
        Task<Answer> delete;
        Task<Answer> list;
        await using (var lockOnIt = await LockAsync(id))
        {
            delete = service.Api.DeleteAsync($"/v1/gallery/{id}/");
            await lockOnIt.WaitForThoseWhoWaitAsync(1);
            list = service.Api.GetAsync("/v1/gallery/");
            await Task.WhenAny(list, Task.Delay(200));
            Assert.False(list.IsCompleted);
        }

        Assert.Equal((200, 200), ((await delete).Status, (await list).Status));
    }

    [Fact]
    public async Task Who_waits_in_vain_for_a_connection_is_503()
    {
        await using var service = await LimitedService.StartAsync(other.Database, pool: 1);
        var id = Guid.NewGuid();
        await other.Api.SaveAsync(id);
        await using var lockOnIt = await LockAsync(id);
        var delete = service.Api.DeleteAsync($"/v1/gallery/{id}/");
        await lockOnIt.WaitForThoseWhoWaitAsync(1);
        var lists = Enumerable.Range(0, 20).Select(_ => service.Api.GetAsync("/v1/gallery/")).ToArray();

        Assert.Equal((503, "database_timeout"), ((await delete).Status, (await delete).Problem));
        foreach (var list in await Task.WhenAll(lists))
        {
            Assert.Contains(list.Status, new[] { 200, 503 });   // 200: the delete was given up, and left its connection in time
            Assert.Equal(list.Status == 503, list.Headers.RetryAfter is not null);
        }
    }

    private async Task<Lock> LockAsync(params Guid[] ids)
    {
        var connection = new NpgsqlConnection(other.Database.ConnectionString);
        await connection.OpenAsync();
        await using var hold = new NpgsqlCommand("begin; select from gallery.image where image_id = any(@Ids) for update", connection);
        hold.Parameters.AddWithValue("Ids", ids);
        await hold.ExecuteNonQueryAsync();
        return new Lock(connection, other);
    }

    /// <summary>A lock on rows, until it is disposed of.</summary>
    private sealed class Lock(NpgsqlConnection holder, TestService service) : IAsyncDisposable
    {
        public Task WaitForThoseWhoWaitAsync(int count) => service.Database.WaitForWaitersAsync(count);

        public ValueTask DisposeAsync() => holder.DisposeAsync();
    }
}
