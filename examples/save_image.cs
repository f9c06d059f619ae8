#!/usr/bin/env dotnet
// Saves an image at the end of a conversation task, straight to the database: for a pipeline in .NET that has Gallery's settings.
//   dotnet run examples/save_image.cs -- [user_id [image_id [refined_prompt]]]
#:project ../Gallery.Sql/Gallery.Sql.csproj
#:property AssemblyName=save-image
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

using System.Text.Json;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Images;
using Gallery.Sql.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

try
{
    // Once a process: the database that SUPABASE_DB_* or DATABASE_URL name, or the private one that the service runs without them.
    var ct = CancellationToken.None;
    var settings = Settings.Load();
    var connection = ConnectionSettings.Find(settings);
    await using var embedded = connection is null ? await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), NullLogger.Instance, ct) : null;
    if (embedded is not null) await Migrator.ApplyAsync(embedded.ConnectionString, NullLogger.Instance, ct);
    await using var database = GalleryDatabase.Create(connection ?? new NpgsqlConnectionStringBuilder(embedded!.ConnectionString), settings);

    // Where the task ends: the generator's answer has the URL, the conversation its ids.
    var imageId = args.Length > 1 ? Guid.ParseExact(args[1], "D") : Guid.NewGuid();
    var image = new NewImage(
        imageId,
        UserId: args.Length > 0 ? args[0] : "user_123",
        ImageUrl: $"https://res.cloudinary.com/demo/image/upload/v1/generated/{imageId}.png",
        RefinedPrompt: args.Length > 2 ? args[2] : "A lighthouse at dusk, oil on canvas",
        Intent: "generate",
        Metadata: JsonSerializer.Serialize(new { session_id = "session_42", message_id = "message_7" }));

    Console.WriteLine($"{imageId}: {await SaveAsync(new ImageRepository(database), image, ct)}");
    return 0;
}
catch (Exception e) when (e is SettingsException or NpgsqlException or MigrationException or FormatException)
{
    Console.Error.WriteLine($"Not saved: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}

// Two statements at most, as the service's own POST: the upsert, and where it wrote nothing a find that tells why.
static async Task<string> SaveAsync(ImageRepository images, NewImage image, CancellationToken ct)
{
    if (await images.UpsertImagesAsync([image], ct) is [var written])
        return written.Revision == 1 ? "created" : $"updated, revision {written.Revision}";

    return await images.FindImagesAsync([new ImageKey(image.ImageId, UserId: null)], ct) switch
    {
        [var stored] when stored.UserId != image.UserId => "another user's; an image never changes its owner",
        [{ DeletedAt: { } at }] => $"in the trash since {at:u}; nothing changed",
        [_] => "unchanged",
        _ => "deleted for good just now; save it again",
    };
}
