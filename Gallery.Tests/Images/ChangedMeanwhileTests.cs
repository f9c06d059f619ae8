using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Images;

/// <summary>A request that waits for another's transaction, which has changed the image when it ends: it is done to what is there then.</summary>
public sealed class ChangedMeanwhileTests(TestService service) : IClassFixture<TestService>
{
    private const string Change = "update gallery.image set intent = 'edit', revision = revision + 1 where image_id = @Id";
    private const string MoveToTrash = "update gallery.image set deleted_at = '2001-02-03Z', revision = revision + 1 where image_id = @Id";
    private const string Restore = "update gallery.image set deleted_at = null, revision = revision + 1 where image_id = @Id";
    private const string Purge = "delete from gallery.image where image_id = @Id";

    private readonly Guid _id = Guid.NewGuid();

    [Fact]
    public async Task A_deletion_takes_the_change_with_it()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(Change, () => service.Api.DeleteAsync(Path()));

        Assert.Equal((200, 3L, "edit"), (answer.Status, (long)answer.Image["revision"]!, (string?)answer.Image["intent"]));
        Assert.NotNull(answer.Image["deleted_at"]);
    }

    [Fact]
    public async Task A_deletion_after_another_leaves_the_first_ones_time()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(MoveToTrash, () => service.Api.DeleteAsync(Path()));

        Assert.Equal((200, "Image is in the trash already; nothing changed"), (answer.Status, (string?)answer.Body["message"]));
        Assert.Equal("2001-02-03T00:00:00.000000Z", (string?)answer.Image["deleted_at"]);
    }

    [Fact]
    public async Task A_deletion_after_a_purge_finds_nothing()
    {
        await service.Api.SaveAsync(_id);

        Assert.Equal("image_not_found", (await MeanwhileAsync(Purge, () => service.Api.DeleteAsync(Path()))).Problem);
    }

    [Fact]
    public async Task A_restore_after_another_changes_nothing()
    {
        await service.Api.SaveAsync(_id);
        await service.Api.DeleteAsync(Path());
        var answer = await MeanwhileAsync(Restore, () => service.Api.PostAsync(Path("restore/")));

        Assert.Equal((200, 3L, "Image is not in the trash; nothing changed"), (answer.Status, (long)answer.Image["revision"]!, (string?)answer.Body["message"]));
    }

    [Fact]
    public async Task A_restore_takes_the_change_with_it()
    {
        await service.Api.SaveAsync(_id);
        await service.Api.DeleteAsync(Path());
        var answer = await MeanwhileAsync(Change, () => service.Api.PostAsync(Path("restore/")));

        Assert.Equal((200, 4L, "edit"), (answer.Status, (long)answer.Image["revision"]!, (string?)answer.Image["intent"]));
        Assert.Null(answer.Image["deleted_at"]);
    }

    [Fact]
    public async Task A_save_merges_into_the_change()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(Change, () => service.Api.SaveAsync(_id, refinedPrompt: "a lighthouse"));

        Assert.Equal((200, 3L), (answer.Status, (long)answer.Image["revision"]!));
        Assert.Equal(("edit", "a lighthouse"), ((string?)answer.Image["intent"], (string?)answer.Image["refined_prompt"]));
    }

    [Fact]
    public async Task A_save_after_a_deletion_leaves_the_image_in_the_trash()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(MoveToTrash, () => service.Api.SaveAsync(_id, refinedPrompt: "a lighthouse"));

        Assert.Equal((200, "2001-02-03T00:00:00.000000Z"), (answer.Status, (string?)answer.Image["deleted_at"]));
        Assert.Null(answer.Image["refined_prompt"]);
    }

    [Fact]
    public async Task A_save_after_a_deletion_by_hand_saves_again()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(Purge, () => service.Api.SaveAsync(_id, refinedPrompt: "a lighthouse"));

        Assert.Equal((201, 2L), (answer.Status, (long)answer.Image["revision"]!));
    }

    [Fact]
    public async Task A_save_after_a_purge_is_refused()
    {
        await service.Api.SaveAsync(_id);
        const string purge = $"with e as (insert into gallery.image_event values (@Id, 2, 'purged', '{{}}', now(), null, 'user_123')) {Purge}";
        var answer = await MeanwhileAsync(purge, () => service.Api.SaveAsync(_id, refinedPrompt: "a lighthouse"));

        Assert.Equal((410, "image_purged"), (answer.Status, answer.Problem));
        Assert.Equal(404, (await service.Api.GetAsync(Path())).Status);
    }

    [Fact]
    public async Task An_edit_is_made_to_what_is_there_after_the_change()
    {
        await service.Api.SaveAsync(_id, metadata: """{"a": 1}""");
        var answer = await MeanwhileAsync(
            "update gallery.image set metadata = '{\"a\": 1, \"b\": 2}', revision = revision + 1 where image_id = @Id",
            () => service.Api.PatchAsync(Path(), """{"metadata": {"a": 5}}"""));

        Assert.Equal((200, 3L, """{"a":5,"b":2}"""), (answer.Status, (long)answer.Image["revision"]!, answer.Image["metadata"]!.ToJsonString()));
    }

    [Fact]
    public async Task A_purge_answers_the_image_as_it_last_was()
    {
        await service.Api.SaveAsync(_id);
        var answer = await MeanwhileAsync(Change, () => service.Api.DeleteAsync(Path("permanent/")));

        Assert.Equal((200, 2L, "edit"), (answer.Status, (long)answer.Image["revision"]!, (string?)answer.Image["intent"]));
    }

    [Fact]
    public async Task A_purge_after_another_finds_nothing()
    {
        await service.Api.SaveAsync(_id);

        Assert.Equal("image_not_found", (await MeanwhileAsync(Purge, () => service.Api.DeleteAsync(Path("permanent/")))).Problem);
    }

    private string Path(string rest = "") => $"/v1/gallery/{_id}/{rest}";

    /// <summary>The request is sent while another's transaction has run this, and before that one commits.</summary>
    private async Task<Answer> MeanwhileAsync(string sql, Func<Task<Answer>> send)
    {
        await using var another = new NpgsqlConnection(service.Database.ConnectionString);
        await another.OpenAsync();
        await using var transaction = await another.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, another, transaction);
        command.Parameters.AddWithValue("Id", _id);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());

        var answer = send();
        await service.Database.WaitForWaitersAsync(request: answer);

        await transaction.CommitAsync();
        return await answer;
    }
}
