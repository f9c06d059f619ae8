using Gallery.Sql.Tags;
using Gallery.Tests.Database;

namespace Gallery.Tests.Tags;

/// <summary>Which labels are the same tag.</summary>
public sealed class CaselessTests(TestServer server)
{
    [Theory]
    [InlineData("Noir", "nOIR")]
    [InlineData("\u00c9clair", "e\u0301CLAIR")]          // composed and decomposed
    [InlineData("\u1e69", "S\u0307\u0323")]              // marks in another order
    [InlineData("Straße", "STRASSE")]
    [InlineData("STRAẞE", "strasse")]
    [InlineData("ﬁne", "FINE")]
    [InlineData("ΣΊΣΥΦΟΣ", "σίσυφος")]                   // two small sigmas
    [InlineData("\u01f0", "J\u030c")]                    // has no capital
    [InlineData("\u1fb3\u0301", "\u0391\u0301\u0399")]   // the iota below folds to a letter
    [InlineData("\u212b", "\u00e5")]                     // the ångström sign
    [InlineData("İ", "i\u0307")]
    [InlineData("Ж", "ж")]
    [InlineData("\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af")]   // Hangul syllables and their letters
    [InlineData("\uf900", "\u8c48")]                     // a Chinese compatibility character
    [InlineData("\U00010400", "\U00010428")]             // outside the basic plane
    [InlineData("ſ", "s")]
    public void These_are_the_same_tag(string one, string other) => Assert.Equal(Tag.Of(one).Key, Tag.Of(other).Key);

    [Theory]
    [InlineData("i", "ı")]                               // Turkish
    [InlineData("I", "ı")]
    [InlineData("İ", "i")]
    [InlineData("e", "é")]
    [InlineData("日", "曰")]
    [InlineData("a", "а")]                               // Latin and Cyrillic
    [InlineData("\U0001f44d", "\U0001f44d\U0001f3fd")]   // with a skin tone
    [InlineData("①", "1")]                               // compatible, not canonically equal
    [InlineData("Ａ", "A")]
    [InlineData("noir", "noir:")]
    public void These_are_different_tags(string one, string other) => Assert.NotEqual(Tag.Of(one).Key, Tag.Of(other).Key);

    // PostgreSQL has the data of Unicode too.
    [Fact]
    public async Task Text_is_decomposed_as_PostgreSQL_does_it()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        var random = new Random(20);
        string[] pieces = [.. await ListCompositesAsync(database), .. Marks];
        var texts = pieces.Concat(Enumerable.Range(0, 5_000).Select(_ => string.Concat(random.GetItems(pieces, 5)))).ToArray();
        var expected = await database.ListAsync<string>("select normalize(t.text, nfd) from unnest(@texts::text[]) with ordinality as t (text, n) order by n", new { texts });

        Assert.True(pieces.Length > 13_000);
        Assert.Equal(expected, texts.Select(Decompose));
    }

    [Theory]
    [InlineData("nu\u00df", 3)]
    [InlineData("\u00e9", 1)]
    [InlineData("e\u0301", 1)]
    [InlineData("e\u0301\u0301", 2)]                      // one accent too many
    [InlineData("a\u0302\u0323", 1)]                      // Vietnamese, with the marks in the other order
    [InlineData("q\u0323\u0307", 3)]                      // no character has q with these marks
    [InlineData("\u03a9\u0314\u0342\u0345", 1)]          // a Greek capital of four parts
    [InlineData("\u1112\u1161\u11ab", 1)]                // letters of Hangul, which are one syllable
    [InlineData("\u1161\u11ab", 2)]
    [InlineData("\u0301e", 2)]                            // a mark without a base
    [InlineData("\u0958", 2)]                             // Devanagari qa, which NFC takes apart
    [InlineData("\U0001f44d\U0001f3fd", 2)]
    public void Characters_are_counted_in_NFC(string text, int length) => Assert.Equal(length, Tag.LengthOf(text));

    [Fact]
    public async Task Characters_are_counted_as_PostgreSQL_composes_them()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        var random = new Random(21);
        var composites = await ListCompositesAsync(database);
        string[][] parted = [.. composites.Select(text => Decompose(text).EnumerateRunes().Select(rune => rune.ToString()).ToArray()).Where(parts => parts.Length > 1)];
        string[][] few = [.. parted.Where(parts => parts[0][0] is < '\u1100' or > '\u1112'), .. random.GetItems(parted, 500)];   // without most of Hangul
        string[] others = [.. few.SelectMany(parts => parts).Distinct(), .. Marks, .. Marks, .. Marks];
        var mixed = Enumerable.Range(0, 20_000).Select(_ =>
        {
            var parts = random.GetItems(few, 2).SelectMany(parts => parts).ToList();
            foreach (var other in random.GetItems(others, random.Next(4))) parts.Insert(random.Next(parts.Count + 1), other);
            return string.Concat(parts);
        });
        string[] texts = [.. composites, .. composites.Select(Decompose), .. mixed];
        var expected = await database.ListAsync<int>("select char_length(normalize(t.text, nfc)) from unnest(@texts::text[]) with ordinality as t (text, n) order by n", new { texts });

        Assert.True(texts.Length > 46_000);
        Assert.Equal(expected, texts.Select(Tag.LengthOf));
        Assert.Equal(expected, texts.Select(text => Tag.LengthOf(Decompose(text))));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{a,b}", "a", "b")]
    [InlineData("""{"a b","c,d","e\"f","g\\h","{}","NULL"}""", "a b", "c,d", "e\"f", "g\\h", "{}", "NULL")]
    public void An_array_is_read_as_PostgreSQL_prints_it(string array, params string[] labels) => Assert.Equal(labels, TagArray.Labels(array));

    private static IEnumerable<string> Marks => Enumerable.Range(0x300, 0x70).Concat(Enumerable.Range(0x591, 0x2d)).Concat([0x93c, 0x94d, 0x3099, 0x302a, 0x1d165, 0x1d16d]).Select(char.ConvertFromUtf32);   // of every class

    private static string Decompose(string text) => string.Concat(Caseless.Decompose(text).Select(char.ConvertFromUtf32));

    /// <summary>Each character that has parts.</summary>
    private static Task<IReadOnlyList<string>> ListCompositesAsync(TestDatabase database) =>
        database.ListAsync<string>("select chr(n) from generate_series(161, 195102) as n where n not between 55296 and 57343 and normalize(chr(n), nfd) <> chr(n)");
}
