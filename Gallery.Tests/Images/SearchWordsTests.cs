using System.Globalization;
using System.Text;
using Gallery.Service.Images;
using Gallery.Tests.Database;

namespace Gallery.Tests.Images;

/// <summary>Which prompts a search finds, by the SQL functions of both. The database's locale is C, which folds only ASCII by itself.</summary>
public sealed class SearchWordsTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await server.CreateDatabaseAsync(migrated: true);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Theory]
    [InlineData("A golden lighthouse", "LIGHTHOUSE", "golden lighthouse", "lighthouse golden", "\"golden lighthouse\"", "light*", "x or golden", "golden -x", "golden lighthouse -\"lighthouse golden\"")]
    [InlineData("Golden-hour, black/white; foo_bar.png f/1.8 (8k:1.2)", "golden hour", "\"golden hour\"", "golden-hour", "white", "black/white", "foo", "foo_bar.png", "f/1.8", "8k")]
    [InlineData("City, wet street --ar 16:9 --no people -20°C", "city --ar 16:9", "--no people", "-20°C", "--ar")]
    [InlineData("anime girl, 2d", "anime -3d", "anime -4K", "anime -８ｋ -2nd", "anime -3д", "anime -1920x1080")]
    [InlineData("street, weight -1.5, -20, -20°C, 16:9", "street -20", "street -1.5", "street -20°C", "street -16:9")]
    [InlineData("“Café” — l’été, Straße, CŒUR, ÆON, Łódź, Kodak™ 3½ 5m² №5", "cafe", "été", "ete", "strasse", "coeur", "cœur", "aeon", "lodz", "kodak", "3", "½", "5m", "l'ete")]
    [InlineData("Cafe\u0301 co\u00adoperation \ufeffprompt d\u02bcart", "café", "cooperation", "prompt", "art", "d'art")]
    [InlineData("Ёлка и ГОРОД, ΣΊΣΥΦΟΣ, ΜΎΘΟΣ, Երևան", "елка", "ёлка", "город", "σίσυφος", "μυθοσ", "ԵՐԵՎԱՆ or երևան")]
    [InlineData("夜の東京タワー、neon ＦＵＬＬ－ＷＩＤＴＨ ﾈｺ 東京～京都", "東京", "東京タワー", "neon 東京", "full width", "ｆｕｌｌ", "full－width", "ネコ", "京都", "夜 －犬")]
    [InlineData("한복을 입은 사람, ภาพถ่ายวัดอรุณ", "한복", "วัดอรุณ")]
    [InlineData("sword~shield a&b x+y rock'n'roll don’t", "shield", "a&b", "y", "rock'n'roll", "don't")]
    [InlineData("ภาพแมวสีดำ, แม่น้ำ, ແມວ, ကြောင်, ឆ្មា", "แมว*", "แม่น*", "ແມ*", "ကြော*", "ឆ្មា*")]
    [InlineData("Hawaiʻi, 1ª vez, Ŀlum, lighthouse (cafeteria) 한복 桜の木", "hawai*", "hawaiʻ*", "1ª*", "ŀ*", "light*, cafe*", "(light*)", "light**", "light*…", "cafe\u0301*", "한*", "\u1112\u1161\u11ab*", "桜*")]
    [InlineData("A golden lighthouse at sunset", "\"gold* light*\" sun*", "\"golden li\"*", "gold*,light*", "golden*-light*", "*golden*")]
    [InlineData("Ночной город, शहर में नीली बत्ती, مدينة", "ноч*", "नीली*", "नी*", "बत्त*", "مدي*")]
    [InlineData("“A golden lighthouse”, 24″ print", "“golden lighthouse”", "„golden lighthouse“", "‟golden light*”", "«golden lighthouse»", "»golden lighthouse«", "golden -“lighthouse golden”", "golden -« cat »", "«\u00a0golden lighthouse\u202f»", "24″ print -cat")]
    [InlineData("一只可爱的猫在图书馆里, portrait of a cat; قطة ذهبية", "图书馆，猫", "图书馆、猫", "图书馆;猫", "cat,portrait", "cat ; portrait", "ذهبية،قطة", "cat,-dog", ",cat,")]
    [InlineData("\"low poly\" koi", "\"low poly\" or z", "or koi", "koi or", "koi\"", "\"koi")]
    public async Task These_searches_find_the_prompt(string prompt, params string[] searches) =>
        Assert.Equal(searches, await FindAsync(prompt, searches));

    [Theory]
    [InlineData("A golden lighthouse", "lighthouses", "\"lighthouse golden\"", "golden -lighthouse", "golden castle", "castle or tower", "house", "lighthouse and golden")]
    [InlineData("lighthouse 2 3", "lightx*", "house*", "2*4", "light *", "3*2")]
    [InlineData("anime 3d render, 8k, 2nd place, 20C", "anime -3d", "anime -8K", "anime -８ｋ", "anime -2nd", "anime -20C", "anime -3d*")]
    [InlineData("street at night", "street -20", "street -1.5", "street -20°C", "street -16:9")]
    [InlineData("A golden lighthouse", "“lighthouse golden”", "„lighthouse golden“", "‟lighthouse golden”", "«lighthouse golden»", "»lighthouse golden«", "golden -“golden lighthouse”", "golden -«golden light*»")]
    [InlineData("夜の東京タワー", "京東", "大阪", "東京 -タワー", "東京 －タワー")]
    [InlineData("user", "\" user_1\"", "user_1")]
    public async Task These_searches_do_not(string prompt, params string[] searches) => Assert.Empty(await FindAsync(prompt, searches));

    [Theory]
    [InlineData("-golden")]
    [InlineData("golden or -castle")]
    [InlineData("-\"golden hour\" -castle")]
    [InlineData("-“golden hour”")]
    [InlineData("-3d")]
    [InlineData("-20C -2nd")]
    [InlineData("!!! \" \" -")]
    [InlineData("🌅")]
    [InlineData("❶")]
    [InlineData("ʻ ℗ 〡*")]
    [InlineData("golden or ➓*")]
    [InlineData("\u0301*")]
    public void A_part_without_a_word_to_look_for_is_refused(string q) => Assert.Null(SearchWords.Parse(q));

    [Theory]
    [InlineData("a\\ b' c\"")]
    [InlineData("' user_2' | 'x")]
    public async Task An_owner_of_any_spelling_finds_its_own_words_only(string owner)
    {
        const string sql = "select gallery.image_words(@Owner, 'golden') @@ (gallery.image_owner_query(@Asker) && gallery.image_words_query('\"golden\"'))";

        Assert.True(await _database.FindAsync<bool>(sql, new { Owner = owner, Asker = owner }));
        Assert.False(await _database.FindAsync<bool>(sql, new { Owner = owner, Asker = "user_2" }));
    }

    [Fact]
    public async Task Each_character_that_counts_as_a_word_is_one_in_the_database()
    {
        var characters = Characters().Where(SearchWords.IsWord).Select(rune => rune.ToString()).ToArray();

        Assert.Empty(await _database.ListAsync<string>(
            "select c from unnest(@Characters) as c where querytree(gallery.image_words_query('\"' || c || '\"')) in ('', 'T')", new { Characters = characters }));
    }

    [Fact]
    public async Task A_star_finds_each_word_that_goes_on_after_it_and_is_left_out_only_where_none_can()
    {
        // Without parts of Korean syllables, which are no words alone, and twelve rare ideographs that the database takes for letters.
        var characters = Characters().Where(rune => rune.Value is not (>= 0x1100 and < 0x1200 or >= 0xFA0E and < 0xFA2A)).Where(rune => Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark).Select(rune => rune.ToString()).ToArray();
        var queries = characters.Select(character => SearchWords.Parse($"q{character}*")!).ToArray();

        var found = await _database.ListAsync<(string Character, bool IsFound, bool GoesOn)>(
            """
            select c, gallery.image_words('user_1', 'q' || c || 'x') @@ gallery.image_words_query(q), 'x' <> all (tsvector_to_array(gallery.image_words('user_1', 'q' || c || 'x')))
            from unnest(@Characters, @Queries) as s (c, q)
            """,
            new { Characters = characters, Queries = queries });

        Assert.Empty(found.Where(one => !one.IsFound).Select(one => one.Character));
        Assert.Empty(found.Zip(queries).Where(one => one.First.GoesOn != one.Second.Contains("zqzq", StringComparison.Ordinal)).Select(one => one.First.Character));
    }

    /// <summary>Those of all planes, without most ideographs and Korean syllables, which are alike.</summary>
    private static IEnumerable<Rune> Characters() =>
        Enumerable.Range(0x80, 0x30000).Where(value => value is not (>= 0x3480 and < 0x9F00 or >= 0xAC80 and < 0xD700 or >= 0x20080) && Rune.IsValid(value)).Select(value => new Rune(value));

    private async Task<IEnumerable<string>> FindAsync(string prompt, string[] searches)
    {
        var found = await _database.ListAsync<bool>(
            "select gallery.image_words('user_1', @Prompt) @@ gallery.image_words_query(q) from unnest(@Queries) with ordinality as s (q, place) order by place",
            new { Prompt = prompt, Queries = searches.Select(q => SearchWords.Parse(q)!).ToArray() });
        return searches.Where((_, i) => found[i]);
    }
}
