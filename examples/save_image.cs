#!/usr/bin/env dotnet
// Saves an image at the end of a conversation task, straight to the database: for a pipeline in .NET that has Gallery's settings.
//   dotnet run examples/save_image.cs -- [user_id [image_id [refined_prompt]]]
#:project ../Gallery.Sql/Gallery.Sql.csproj
#:property AssemblyName=save-image
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

using System.Text.Json;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Images;
using Gallery.Sql.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

const int Attempts = 5;

try
{
    // Once a process: the database that SUPABASE_DB_* or DATABASE_URL name, or the private one that the service uses without them.
    var ct = CancellationToken.None;
    var settings = Settings.Load();
    var connection = ConnectionSettings.Find(settings);
    await using var embedded = connection is null ? await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), NullLogger.Instance, ct) : null;
    if (embedded is not null) await Migrator.ApplyAsync(embedded.MigratorConnectionString, NullLogger.Instance, ct);
    await using var database = GalleryDatabase.Create(connection ?? new NpgsqlConnectionStringBuilder(embedded!.ServiceConnectionString), settings);
    await using var images = new ImageRepository(database, new BatchOptions());

    // The end of a task: the image generator has returned the URL, and the conversation has its ids.
    var imageId = args.Length > 1 ? ParseImageId(args[1]) : Guid.NewGuid();
    var image = new NewImage(
        imageId,
        UserId: args.Length > 0 ? args[0] : "user_123",   // with Supabase: the user's id, the sub of their token
        ImageUrl: $"https://res.cloudinary.com/demo/image/upload/v1/generated/{imageId}.png",
        RefinedPrompt: args.Length > 2 ? args[2] : "A lighthouse at dusk, oil on canvas",
        Intent: "generate",
        Metadata: JsonSerializer.Serialize(new { session_id = "session_42", message_id = "message_7" }));   // throws at NaN; Guid and DateTime become text

    var save = await SaveAsync(images, image, ct);
    Console.WriteLine($"{imageId}: {Describe(save)}");
    return save.Outcome is ImageOutcome.OwnedByAnother or ImageOutcome.Purged ? 1 : 0;
}
catch (Exception e) when (e is SettingsException or NpgsqlException or TimeoutException or MigrationException or FormatException)
{
    Console.Error.WriteLine($"Not saved: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}

// ParseExact alone would take "+50e8400-…" too, and make another id of it.
static Guid ParseImageId(string text) =>
    Guid.TryParseExact(text, "D", out var id) && id.ToString().Equals(text, StringComparison.OrdinalIgnoreCase) ? id : throw new FormatException($"'{text}' is not a UUID.");

// A save may be repeated: if the first one did commit, the second reports "unchanged".
static async Task<ImageWrite> SaveAsync(ImageRepository images, NewImage image, CancellationToken ct)
{
    for (var attempt = 1; ; attempt++)
    {
        try
        {
            return await images.SaveImageAsync(image, ct);
        }
        catch (Exception e) when (attempt < Attempts && (e is TimeoutException or NpgsqlException { IsTransient: true }))
        {
            var pause = TimeSpan.FromSeconds(Math.Pow(2, attempt - 2) * (0.5 + (Random.Shared.NextDouble() / 2)));   // jitter spreads callers that failed together
            Console.Error.WriteLine($"Save {attempt} of {Attempts} failed: {e.Message} Next try in {pause.TotalSeconds:0.0} s.");
            await Task.Delay(pause, ct);
        }
    }
}

static string Describe(ImageWrite save) => save.Outcome switch
{
    ImageOutcome.Created => "created",
    ImageOutcome.Updated => $"updated, revision {save.Image!.Revision}",
    ImageOutcome.Unchanged when save.Kept.Count > 0 => $"unchanged, kept {string.Join(", ", save.Kept)}",
    ImageOutcome.Unchanged => "unchanged",
    ImageOutcome.InTrash => $"in the trash since {save.Image!.DeletedAt:u}; nothing changed",
    ImageOutcome.Purged => "deleted permanently. Only a save with Recreates creates it again.",
    ImageOutcome.OwnedByAnother => "owned by another user. Save it with its owner's user_id.",
    _ => throw new InvalidOperationException($"A save does not end as {save.Outcome}."),
};
