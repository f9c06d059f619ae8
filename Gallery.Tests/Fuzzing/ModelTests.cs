using CsCheck;
using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Tests.Fuzzing;

/// <summary>Two users who change the same images at once, each on several connections, compared with a dictionary.</summary>
public sealed class ModelTests(TestServer server)
{
    private const int Rounds = 200;
    private const int AtOnce = 4;
    private const int Images = 3;
    private const int Connections = 4;

    private static readonly string[] Extensions = ["jpg", "png"];

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task Whatever_two_users_do_at_once_each_answer_is_one_that_a_dictionary_would_give(string coalescing)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var settings = new ConfigurationBuilder().AddInMemoryCollection([new("GALLERY_COALESCING", coalescing)]).Build();
        // No time-outs: the dictionary does not know whether a request that timed out was done.
        var connection = new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Service, database.ConnectionString)) { Pooling = true, Options = "-c lock_timeout=0 -c statement_timeout=0" };
        await using var source = GalleryDatabase.Create(connection, settings);
        await using var service = GalleryService.Build(source, settings, ["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", nameof(LogLevel.Critical)]);
        await service.StartAsync();
        using var api = new Api(new Uri(service.Urls.Single()));
        var rounds = FuzzRun.Cases(Rounds);
        var steps = 0;

        await FuzzRun.CheckAsync(
            Round,
            rounds,
            AtOnce,
            async connections =>
            {
                var round = new ModelRound(api, Images);
                var fault = await round.FindFaultAsync(connections);
                Interlocked.Add(ref steps, round.Steps);
                return fault;
            },
            connections => string.Join('\n', connections.Select((actions, i) => $"connection {i}: {string.Join(", ", actions.Select(action => action.ToString()))}")));

        Figures.Add($"model: coalescing {coalescing}", "rounds of two users", rounds);
        Figures.Add($"model: coalescing {coalescing}", "model steps", steps);
        Figures.Add($"model: coalescing {coalescing}", "failures", 0);
    }

    private static Gen<ModelAction[][]> Round
    {
        get
        {
            var image = Gen.Int[0, Images - 1];
            var user = Gen.Int[0, 1];
            var metadata = Gen.Dictionary(Gen.OneOf("a", "b", "c"), Gen.OneOf("1", "2", "\"x\"", "{\"n\": 1}", "null"))[0, 2];
            var tag = Gen.OneOf("x", "X", "y");
            var save = Gen.Select(image, user, Gen.OneOf(Extensions), Gen.OneOf("dawn", "dusk", null), Gen.OneOf("edit", null), metadata, tag.Array[0, 2], (i, who, extension, prompt, intent, values, tags) =>
                new ModelAction(i, who, new ImageOperation.Save("", extension, prompt, intent, values.Count == 0 ? null : values, tags)));
            var tagging = Gen.Select(image, user, tag, Gen.Bool, (i, who, label, adds) => new ModelAction(i, who, adds ? new ImageOperation.AddTag(label) : new ImageOperation.RemoveTag(label)));
            var edit = Gen.Select(image, user, Gen.OneOf("dawn", "noon", null), Gen.OneOf("a", "b"), Gen.OneOf("1", "\"y\"", null), (i, who, prompt, key, value) =>
                new ModelAction(i, who, new ImageOperation.Edit(prompt, key, value)));
            Gen<ModelAction> Do(ImageOperation operation) => Gen.Select(image, user, (i, who) => new ModelAction(i, who, operation));

            var batch = Gen.Select(Gen.OneOf<ModelAction>(save, tagging, Do(new ImageOperation.Find()), Do(new ImageOperation.Delete()), Do(new ImageOperation.Restore()), Do(new ImageOperation.Purge())), Gen.Bool, (one, isAll) =>
                one with { Operation = new ImageOperation.Batch(one.Operation, isAll) });

            var action = Gen.Frequency<ModelAction>(
                (5, save),
                (2, edit),
                (2, tagging),
                (3, Do(new ImageOperation.Find())),
                (3, Do(new ImageOperation.Delete())),
                (2, Do(new ImageOperation.Restore())),
                (1, Do(new ImageOperation.Purge())),
                (2, batch),
                (1, Do(new ImageOperation.Listed(Trash: false))),
                (1, Do(new ImageOperation.Listed(Trash: true))));
            return action.Array[1, 15].Array[Connections];
        }
    }
}
