using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

public sealed class TagRenameTests(TestService service) : IClassFixture<TestService>
{
    [Fact]
    public async Task A_tag_is_renamed_although_its_images_take_longer_together_than_a_statement_may()
    {
        var user = $"user_{Guid.NewGuid():N}";
        await service.Database.ExecuteAsync(
            $"""
            with i as
            (
                insert into gallery.image (image_id, user_id, image_url, tags)
                select gen_random_uuid(), '{user}', 'https://res.cloudinary.com/demo/image/upload/x.png', array['old']
                from generate_series(1, 400)
                returning image_id, user_id, created_at
            )
            insert into gallery.image_tag (image_id, tag, label, user_id, created_at) select image_id, 'old', 'old', user_id, created_at from i;
            create or replace function gallery.slow_tags() returns trigger language plpgsql as $f$ begin perform pg_sleep(0.008); return new; end $f$;
            create or replace trigger slow_tags before update on gallery.image for each row when (old.user_id = '{user}') execute function gallery.slow_tags();
            """);
        var renamed = 0;
        for (var (isComplete, tries) = (false, 0); !isComplete; tries++)
        {
            var answer = await service.Api.PostAsync("/v1/gallery/tags/rename/", $$"""{"user_id":"{{user}}","from":"old","to":"new"}""");
            Assert.True(answer.Status == 200 && tries < 20, answer.Text);
            renamed += (int)answer.Image["renamed"]!;
            isComplete = (bool)answer.Image["is_complete"]!;
        }

        Assert.Equal(0, await service.Database.FindAsync<long>($"select count(*) from gallery.image_tag where user_id = '{user}' and tag = 'old'"));
        Assert.InRange(renamed, 20, 400);   // a batch that timed out may have been renamed all the same
    }
}
